//! Languages by their codes.

use std::{fmt, str::FromStr, sync::Arc};

macro_rules! languages {
    ($($variant:ident $code:literal $name:literal,)*) => {
        /// A spoken language. A code that has no variant of its own is [`Language::Other`].
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Language {
            $(
                #[doc = concat!($name, ", `", $code, "`.")]
                $variant,
            )*
            /// Any other code, as written.
            Other(Arc<str>),
        }

        impl Language {
            /// Every language with a variant of its own.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),*];

            /// The code: ISO 639-1 where there is one.
            #[must_use]
            pub fn code(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            fn known(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

languages! {
    Ar "ar" "Arabic",
    Bg "bg" "Bulgarian",
    Bn "bn" "Bengali",
    Cs "cs" "Czech",
    Da "da" "Danish",
    De "de" "German",
    El "el" "Greek",
    En "en" "English",
    Es "es" "Spanish",
    Et "et" "Estonian",
    Fi "fi" "Finnish",
    Fr "fr" "French",
    Gu "gu" "Gujarati",
    He "he" "Hebrew",
    Hi "hi" "Hindi",
    Hu "hu" "Hungarian",
    Id "id" "Indonesian",
    It "it" "Italian",
    Ja "ja" "Japanese",
    Kn "kn" "Kannada",
    Ko "ko" "Korean",
    Lt "lt" "Lithuanian",
    Lv "lv" "Latvian",
    Ml "ml" "Malayalam",
    Mr "mr" "Marathi",
    Ms "ms" "Malay",
    Mt "mt" "Maltese",
    Nl "nl" "Dutch",
    No "no" "Norwegian",
    Or "or" "Odia",
    Pa "pa" "Punjabi",
    Pl "pl" "Polish",
    Pt "pt" "Portuguese",
    Ro "ro" "Romanian",
    Ru "ru" "Russian",
    Sk "sk" "Slovak",
    Sv "sv" "Swedish",
    Ta "ta" "Tamil",
    Te "te" "Telugu",
    Th "th" "Thai",
    Tr "tr" "Turkish",
    Uk "uk" "Ukrainian",
    Vi "vi" "Vietnamese",
    Yue "yue" "Cantonese",
    Zh "zh" "Chinese",
}

impl Language {
    /// The language with this code; codes without a variant are kept as written.
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        Self::known(&code.to_ascii_lowercase()).unwrap_or_else(|| Self::Other(code.into()))
    }
}

impl From<&str> for Language {
    fn from(code: &str) -> Self {
        Self::from_code(code)
    }
}

impl FromStr for Language {
    type Err = std::convert::Infallible;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Ok(Self::from_code(code))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
