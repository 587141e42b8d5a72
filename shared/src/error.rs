//! The one error type: classified, naming types and fields, never carrying a value.

mod detail;
mod remote;

use std::borrow::Cow;
use std::fmt;

pub use self::detail::{ConfigError, DatabaseError, DecodeCode, DecodeError};
pub use self::remote::{RemoteError, RemoteViolation};
use crate::validate::Violations;

/// `std::result::Result` with [`Error`] as the default error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A boxed cause, as [`Error::other`] and [`Error::permanent`] take it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Everything that can go wrong in this library.
///
/// No variant carries a value from a payload or from a row: names of types, fields, constraints,
/// variables and codes only. An error may therefore be logged and may be shown to a caller. The one
/// place where foreign text can enter is the cause given to [`Error::other`] and
/// [`Error::permanent`]; `Phi` has no `Display`, so a protected value does not get there
/// by accident either.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No row has this id (or it is deleted).
    NotFound {
        /// The entity's type name.
        entity: &'static str,
    },
    /// A unique constraint refused the write.
    Unique {
        /// The entity's type name, or the table when the entity is not known.
        entity: Cow<'static, str>,
        /// The fields that together must be unique.
        fields: Vec<String>,
    },
    /// A foreign key refused the write: what a row refers to is missing, or somebody still refers to a row that is to be
    /// deleted.
    ForeignKey {
        /// The type name of the entity that refers to the other one; or its table, when its entity is not known: it is one
        /// of a service, or its table was created or compared through this [`Db`](crate::Db).
        entity: Cow<'static, str>,
        /// The fields that refer to it. Empty on SQLite for what statements and triggers of somebody's own have broken.
        fields: Vec<String>,
    },
    /// A check constraint refused the write.
    Check {
        /// The entity's type name, or the table when the entity is not known.
        entity: Cow<'static, str>,
        /// The constraint's name.
        constraint: String,
        /// The fields that it is about, as far as it is one of a declaration.
        fields: Vec<String>,
    },
    /// A column that must have a value got none.
    Required {
        /// The entity's type name, or the table when the entity is not known.
        entity: Cow<'static, str>,
        /// The field.
        field: String,
    },
    /// Somebody else changed or deleted the row since it was read.
    Stale {
        /// The entity's type name.
        entity: &'static str,
    },
    /// A value breaks its `#[validate(..)]` rules.
    Invalid(Violations),
    /// A payload or a row could not be read as the type it should be.
    Decode(DecodeError),
    /// An event has the id of another one, which was handled before.
    IdReused {
        /// The event type's name, `unknown` when it is not one of the subscriber's.
        event_type: Cow<'static, str>,
    },
    /// A page cursor is not one of this query's.
    Cursor,
    /// The database is locked or a pool has no free connection in time; trying again may work.
    Busy {
        /// What was busy.
        what: &'static str,
    },
    /// Something did not finish before its deadline. The outcome may be unknown.
    Timeout {
        /// What took too long.
        what: &'static str,
    },
    /// A server cannot be reached or closed the connection.
    Unavailable {
        /// Which server, and what was tried. Never a secret.
        what: Cow<'static, str>,
        /// The cause.
        source: Option<BoxError>,
    },
    /// The database refused a statement for another reason.
    Database(DatabaseError),
    /// The bus refused a request.
    Bus {
        /// What was asked of it.
        what: Cow<'static, str>,
        /// The cause.
        source: Option<BoxError>,
    },
    /// Nobody answers this query.
    NoResponders {
        /// Its subject.
        subject: &'static str,
    },
    /// What went wrong at the service that was asked. Its [`kind`](Error::kind) is that of the error there.
    Remote(RemoteError),
    /// The library was asked for something that cannot be done this way.
    Usage(Cow<'static, str>),
    /// The configuration is missing, wrong or does not fit the servers it names.
    Config(ConfigError),
    /// An error of the service's own code.
    Other {
        /// The cause.
        source: BoxError,
        /// Whether trying again is pointless.
        permanent: bool,
    },
}

/// The class of an [`Error`], for `match`, metrics and dead-letter reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names are those of the variants of `Error`
pub enum ErrorKind {
    NotFound,
    Unique,
    ForeignKey,
    Check,
    Required,
    Stale,
    Invalid,
    Decode,
    IdReused,
    Cursor,
    Busy,
    Timeout,
    Unavailable,
    Database,
    Bus,
    NoResponders,
    Usage,
    Config,
    Other,
    Permanent,
}

impl ErrorKind {
    const ALL: [Self; 20] = [
        Self::NotFound,
        Self::Unique,
        Self::ForeignKey,
        Self::Check,
        Self::Required,
        Self::Stale,
        Self::Invalid,
        Self::Decode,
        Self::IdReused,
        Self::Cursor,
        Self::Busy,
        Self::Timeout,
        Self::Unavailable,
        Self::Database,
        Self::Bus,
        Self::NoResponders,
        Self::Usage,
        Self::Config,
        Self::Other,
        Self::Permanent,
    ];

    /// The kind of this word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind as a short stable word for logs, metrics and dead letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unique => "unique",
            Self::ForeignKey => "foreign_key",
            Self::Check => "check",
            Self::Required => "required",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Decode => "decode",
            Self::IdReused => "id_reused",
            Self::Cursor => "cursor",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Database => "database",
            Self::Bus => "bus",
            Self::NoResponders => "no_responders",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Other => "other",
            Self::Permanent => "permanent",
        }
    }
}

impl Error {
    /// Wraps an error of the service's own code. In a subscriber it is retried, then dead-lettered.
    pub fn other(source: impl Into<BoxError>) -> Self {
        Self::Other { source: source.into(), permanent: false }
    }

    /// Wraps an error for which trying again is pointless. In a subscriber it is dead-lettered at once.
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self::Other { source: source.into(), permanent: true }
    }

    /// Says that something that the service depends on is away, and which. A subscription whose handler returns it is
    /// paused, and tried again now and then until it succeeds: an outage uses up no event's tries.
    ///
    /// ```
    /// use shared::Error;
    ///
    /// # fn send() -> Result<(), std::io::Error> { Ok(()) }
    /// send().map_err(|error| Error::unavailable("the mail server", error))?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn unavailable(what: impl Into<Cow<'static, str>>, source: impl Into<BoxError>) -> Self {
        Self::Unavailable { what: what.into(), source: Some(source.into()) }
    }

    /// A configuration error.
    pub fn config(variable: impl Into<Cow<'static, str>>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Config(ConfigError { variable: variable.into(), problem: problem.into(), help: help.into() })
    }

    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Unique { .. } => ErrorKind::Unique,
            Self::ForeignKey { .. } => ErrorKind::ForeignKey,
            Self::Check { .. } => ErrorKind::Check,
            Self::Required { .. } => ErrorKind::Required,
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Decode(_) => ErrorKind::Decode,
            Self::IdReused { .. } => ErrorKind::IdReused,
            Self::Cursor => ErrorKind::Cursor,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Database(_) => ErrorKind::Database,
            Self::Bus { .. } => ErrorKind::Bus,
            Self::NoResponders { .. } => ErrorKind::NoResponders,
            Self::Remote(error) => error.kind,
            Self::Usage(_) => ErrorKind::Usage,
            Self::Config(_) => ErrorKind::Config,
            Self::Other { permanent: false, .. } => ErrorKind::Other,
            Self::Other { permanent: true, .. } => ErrorKind::Permanent,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Timeout { .. } | Self::Unavailable { .. } | Self::NoResponders { .. } => true,
            Self::Remote(error) => error.is_retryable(),
            Self::Database(error) => error.is_serialization(),
            Self::Bus { .. } | Self::Stale { .. } => true,
            Self::Other { permanent, .. } => !permanent,
            _ => false,
        }
    }

    /// Whether a subscriber that fails with this error is dead-lettered at once instead of retried.
    ///
    /// Not the opposite of [`is_retryable`](Self::is_retryable): a missing row, say, may be there after
    /// another event was handled, so it is worth the retries.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_)
                | Self::Decode(_)
                | Self::IdReused { .. }
                | Self::Config(_)
                | Self::Usage(_)
                | Self::Other { permanent: true, .. }
        )
    }

    /// The HTTP status that fits, as the `axum` feature answers it.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Unique { .. } | Self::ForeignKey { .. } | Self::Stale { .. } | Self::IdReused { .. } => 409,
            Self::Invalid(_) | Self::Check { .. } | Self::Required { .. } => 422,
            Self::Decode(error) => match error.code {
                DecodeCode::Syntax | DecodeCode::Truncated | DecodeCode::NotUtf8 => 400,
                // a row: no mistake of the caller's
                DecodeCode::Column => 500,
                _ => 422,
            },
            Self::Cursor => 400,
            Self::Busy { .. } | Self::Unavailable { .. } | Self::NoResponders { .. } => 503,
            Self::Remote(error) => error.status,
            Self::Timeout { .. } => 504,
            _ => 500,
        }
    }

    /// The whole cause chain on one line, as a log field.
    ///
    /// ```
    /// # let e = shared::Error::Cursor;
    /// shared::tracing::error!(error = e.report(), "cannot list the appointments");
    /// ```
    #[must_use]
    pub fn report(&self) -> tracing::field::DisplayValue<Report<'_>> {
        tracing::field::display(Report(self))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { entity } => write!(f, "`{entity}` not found"),
            Self::Unique { entity, fields } => {
                write!(f, "`{entity}` with the same {} already exists", List(fields))
            }
            Self::ForeignKey { entity, fields } if fields.is_empty() => {
                write!(f, "`{entity}` refers to a row that does not exist, or another one refers to it")
            }
            Self::ForeignKey { entity, fields } => {
                write!(f, "`{entity}`: {} refers to a row that does not exist, or that was to be deleted", List(fields))
            }
            Self::Check { entity, constraint, fields } if fields.is_empty() => {
                write!(f, "`{entity}` breaks the check constraint `{constraint}`")
            }
            Self::Check { entity, constraint, fields } => {
                write!(f, "`{entity}`: {} breaks the check constraint `{constraint}`", List(fields))
            }
            Self::Required { entity, field } => write!(f, "`{entity}`: `{field}` must have a value"),
            Self::Stale { entity } => {
                write!(f, "`{entity}` was changed by somebody else since it was read; read it again and retry")
            }
            Self::Invalid(violations) => violations.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::IdReused { event_type } => {
                write!(
                    f,
                    "`{event_type}` has the id of another event, which was handled before; its publisher must give each event an id of its own"
                )
            }
            Self::Cursor => f.write_str("the page cursor does not belong to this query; start again at the first page"),
            Self::Busy { what } => write!(f, "{what} is busy; try again"),
            Self::Timeout { what } => write!(f, "{what} took too long; its outcome may be unknown"),
            Self::Unavailable { what, .. } => write!(f, "{what}"),
            Self::Database(error) => error.fmt(f),
            Self::Bus { what, .. } => write!(f, "{what}"),
            Self::NoResponders { subject } => {
                write!(f, "nobody answers `{subject}`; the service that does is not running, or not on this bus")
            }
            Self::Remote(error) => error.fmt(f),
            Self::Usage(what) => write!(f, "{what}"),
            Self::Config(error) => error.fmt(f),
            Self::Other { source, .. } => source.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable { source, .. } | Self::Bus { source, .. } => {
                source.as_ref().map(|e| &**e as &(dyn std::error::Error + 'static))
            }
            Self::Other { source, .. } => source.source(),
            _ => None,
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::other(error)
    }
}

pub(crate) fn report_text(error: &Error) -> String {
    Report(error).to_string()
}

/// See [`Error::report`].
#[derive(Debug, Clone, Copy)]
pub struct Report<'a>(&'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "`{field}`")?;
        }
        Ok(())
    }
}
