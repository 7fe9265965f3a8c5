//! Real-time voice agents: frames, processors, pipelines and services behind one facade.
