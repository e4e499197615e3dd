//! Who is asking, and the one function that says yes or no.

use super::{Error, Result, id::CredentialId};

/// The owner of everything that is created by `/v1` without a credential of its own.
pub(crate) const FIRST_CREDENTIAL: CredentialId = CredentialId(1);

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The operator: an admin token, or an open loopback request. Acts for everyone.
    Admin,
    /// A read-only token: sees everything, changes nothing.
    Reader,
    /// A credential: sees and changes what it owns.
    Owner(CredentialId),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
}

impl Caller {
    /// Says yes, or why not. Ownership is not asked here: queries begin inside [`scope`](Self::scope).
    pub(crate) fn may(self, right: Right) -> Result<()> {
        match (self, right) {
            (Self::Reader, Right::Write) => {
                Err(Error::Forbidden("this token is read-only; use one with the role `admin`".to_owned()))
            }
            (Self::Admin | Self::Owner(_), Right::Write) | (_, Right::Read) => Ok(()),
        }
    }

    /// Whether the caller may look at the whole server, or change what belongs to anybody: only tokens may, and who needs
    /// none.
    pub(crate) fn may_manage(self, right: Right) -> Result<()> {
        match self {
            Self::Admin | Self::Reader => self.may(right),
            Self::Owner(_) => Err(Error::Forbidden(
                "the management API is for tokens: a credential sees its own things only".to_owned(),
            )),
        }
    }

    /// Whether the caller runs this server: only then may it say where bytes lie, and reach files of spaces. The first
    /// credential is the operator's own.
    pub(crate) fn may_operate(self) -> Result<()> {
        match self {
            Self::Admin | Self::Owner(FIRST_CREDENTIAL) => Ok(()),
            Self::Reader => self.may(Right::Write),
            Self::Owner(_) => Err(Error::Forbidden("user spaces belong to the operator of this server".to_owned())),
        }
    }

    /// Whether the caller may see which spaces there are.
    pub(crate) fn may_see_spaces(self) -> Result<()> {
        match self {
            Self::Reader => Ok(()),
            other => other.may_operate(),
        }
    }

    /// The owner whose things this caller can see; `None`: everyone's.
    pub(crate) fn scope(self) -> Option<CredentialId> {
        match self {
            Self::Owner(id) => Some(id),
            Self::Admin | Self::Reader => None,
        }
    }

    /// The owner of what this caller creates.
    pub(crate) fn owner_of_new(self) -> CredentialId {
        self.scope().unwrap_or(FIRST_CREDENTIAL)
    }
}

/// By which proof a caller came in: what the audit log calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A request of this machine, without any proof.
    Loopback,
    /// The admin token of the operator.
    AdminToken,
    /// An API token, by its name.
    Token { name: String, caller: Caller },
    /// A credential, by the access key that signed.
    Credential { id: CredentialId, access_key: String },
}

impl Identity {
    pub(crate) fn caller(&self) -> Caller {
        match self {
            Self::Loopback | Self::AdminToken => Caller::Admin,
            Self::Token { caller, .. } => *caller,
            Self::Credential { id, .. } => Caller::Owner(*id),
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::AdminToken => f.write_str("admin_token"),
            Self::Token { name, .. } => write!(f, "token:{name}"),
            Self::Credential { access_key, .. } => write!(f, "credential:{access_key}"),
        }
    }
}
