//! What can go wrong.

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened, in the asker's words where the asker can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A question that cannot be meant or is too large. `reason` continues the name of the parameter: "must be …".
    #[error("{parameter}: {reason}")]
    Question { parameter: String, reason: String },
    /// The folder holds something that is not an index, and nothing in it was touched.
    #[error("the folder of the search index, {0}, holds other things; empty it or choose another")]
    NotOurs(String),
    /// The index cannot be read or written. Throwing its folder away and building it anew mends it.
    #[error("the search index cannot be used")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A parameter that cannot be meant.
    pub fn question(parameter: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Question { parameter: parameter.into(), reason: reason.into() }
    }

    pub(crate) fn broken(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(source.into())
    }
}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::broken(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::broken(error)
    }
}
