//! Frames, processors and pipelines: the centre of Voxline. Knows no socket, file, vendor or codec.
