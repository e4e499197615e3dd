//! The kinds of storage, which fields each has, and how it is opened: the only file that names clouds.

use super::{
    Fault,
    cloud::{Cloud, Transfer},
    connection::{Connection, Limits},
    disk::Disk,
    endpoint, fields,
    fields::{Field, Rule},
    files::Files,
    local_files::LocalFiles,
    shard::ShardStore,
};
use crate::domain::{
    Error, Result,
    space::{Credential, Storage, Tagged, UserSpace},
};
use opendal::{Operator, services};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// The kind of the directories of this machine, which needs a permission of its own.
pub(crate) const LOCAL: &str = "Local";
/// The kind that forgets everything; for tests.
pub(crate) const MEMORY: &str = "Memory";

/// One kind of storage.
struct Kind {
    name: &'static str,
    storage: &'static [Field],
    credential: &'static [Field],
    open: fn(&UserSpace) -> std::result::Result<Opened, Fault>,
}

impl Kind {
    /// All fields of its storage.
    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let is_remote = !matches!(self.name, LOCAL | MEMORY);
        self.storage.iter().chain(if is_remote { CONNECTION } else { &[] })
    }
}

/// A storage that is ready to be spoken to; nothing was asked of it yet.
pub(super) struct Opened {
    pub(super) shards: ShardStore,
    pub(super) files: Files,
}

const KINDS: &[Kind] = &[
    Kind { name: LOCAL, storage: &[Field::new("root", Rule::Optional)], credential: &[], open: open_local },
    Kind {
        name: "S3",
        storage: &[
            Field::new("region", Rule::Optional),
            Field::new("endpoint", Rule::OptionalEndpoint),
            Field::new("bucket", Rule::Bucket),
            Field::new("pathStyle", Rule::Flag),
        ],
        credential: KEY_PAIR,
        open: open_s3,
    },
    Kind {
        name: "OBS",
        storage: &[
            Field::new("region", Rule::Optional),
            Field::new("endpoint", Rule::Endpoint),
            Field::new("bucket", Rule::Bucket),
            Field::new("projectID", Rule::Optional),
            Field::new("pathStyle", Rule::Flag),
        ],
        credential: KEY_PAIR,
        open: open_obs,
    },
    Kind {
        name: "OSS",
        storage: &[
            Field::new("region", Rule::Optional),
            Field::new("endpoint", Rule::Endpoint),
            Field::new("bucket", Rule::Bucket),
        ],
        credential: REQUIRED_KEY_PAIR,
        open: open_oss,
    },
    Kind {
        name: "COS",
        storage: &[
            Field::new("region", Rule::Optional),
            Field::new("endpoint", Rule::Endpoint),
            Field::new("bucket", Rule::Bucket),
        ],
        credential: REQUIRED_KEY_PAIR,
        open: open_cos,
    },
    Kind {
        name: "Azblob",
        storage: &[Field::new("endpoint", Rule::Endpoint), Field::new("container", Rule::Bucket)],
        credential: &[Field::new("accountName", Rule::Name), Field::secret("accountKey", Rule::Name)],
        open: open_azblob,
    },
    Kind {
        name: "GCS",
        storage: &[Field::new("endpoint", Rule::OptionalEndpoint), Field::new("bucket", Rule::Bucket)],
        // The JSON of a service account's key, as the console hands it out.
        credential: &[Field::secret("serviceAccountKey", Rule::Json)],
        open: open_gcs,
    },
    Kind {
        name: "WebDAV",
        storage: &[Field::new("endpoint", Rule::EndpointWithPath)],
        credential: &[Field::new("username", Rule::Optional), Field::secret("password", Rule::Optional)],
        open: open_webdav,
    },
    Kind { name: MEMORY, storage: &[], credential: &[], open: open_memory },
];

/// What every storage on the network has besides.
const CONNECTION: &[Field] = &[
    Field::new("skipTlsVerify", Rule::Flag),
    Field::new("timeout", Rule::Timeout),
    Field::new("concurrentReqs", Rule::Requests),
];

/// Both keys, or neither: then the bucket is read and written without a signature.
const KEY_PAIR: &[Field] = &[
    Field::new("accessKeyId", Rule::Optional),
    Field::secret("secretAccessKey", Rule::Optional),
    Field::secret("sessionToken", Rule::Optional),
];

const REQUIRED_KEY_PAIR: &[Field] = &[
    Field::new("accessKeyId", Rule::Name),
    Field::secret("secretAccessKey", Rule::Name),
    Field::secret("sessionToken", Rule::Optional),
];

/// What a client sent to open a storage, checked: known fields only, of the right types, in their one way of writing.
///
/// # Errors
/// [`Error::Invalid`] with the field: an unknown type, a credential of another type, a field that is missing or wrong.
pub(crate) fn read(
    storage: Map<String, Value>,
    credential: Option<Map<String, Value>>,
) -> Result<(Storage, Credential)> {
    let kind = kind_of("storage", &storage)?;
    let storage = fields::read("storage", kind.name, kind.fields(), storage)?;
    let credential = match credential {
        Some(credential) => {
            same_kind(kind, &credential)?;
            fields::read("credential", kind.name, kind.credential.iter(), credential)?
        }
        None if kind.credential.iter().all(|field| field.rule.may_be_absent()) => Tagged::new(kind.name, Map::new()),
        None => {
            return Err(Error::invalid("credential", format!("is missing; a storage of type {} needs one", kind.name)));
        }
    };
    if credential.text("accessKeyId").is_empty() != credential.text("secretAccessKey").is_empty() {
        let field = if credential.text("accessKeyId").is_empty() { "accessKeyId" } else { "secretAccessKey" };
        let reason = "is missing; send both keys, or neither for a bucket that needs none";
        return Err(Error::invalid(format!("credential.{field}"), reason));
    }
    Ok((storage, credential))
}

/// What a client sent to change a storage or credential: absent fields, and secrets sent as `""`, stay as they are.
pub(crate) fn merge(
    space: &UserSpace,
    storage: Option<Map<String, Value>>,
    credential: Option<Map<String, Value>>,
) -> Result<(Storage, Credential)> {
    let kind = find(space.storage.kind())?;
    let storage = match storage {
        None => space.storage.fields().clone(),
        Some(changes) => {
            if kind_of("storage", &changes)?.name != kind.name {
                let reason = format!("must stay {}: register another space for another kind of storage", kind.name);
                return Err(Error::invalid("storage.type", reason));
            }
            fields::merge(space.storage.fields(), changes, kind.fields())
        }
    };
    let credential = match credential {
        None => space.credential.fields().clone(),
        Some(changes) => {
            same_kind(kind, &changes)?;
            fields::merge(space.credential.fields(), changes, kind.credential.iter())
        }
    };
    read(storage, Some(credential))
}

/// The credential as answers show it: every secret is `""`.
pub(crate) fn without_secrets(credential: &Credential) -> Map<String, Value> {
    let mut fields = credential.fields().clone();
    let secrets = find(credential.kind()).map_or(&[][..], |kind| kind.credential);
    for field in secrets.iter().filter(|field| field.secret) {
        if let Some(value) = fields.get_mut(field.name) {
            *value = "".into();
        }
    }
    fields
}

/// What the owner of a space should think about twice.
pub(crate) fn warnings(storage: &Storage) -> Vec<String> {
    let mut warnings = Vec::new();
    if storage.flag("skipTlsVerify") == Some(true) {
        warnings.push(
            "skipTlsVerify is on: whoever stands between this server and the storage can read and change everything"
                .to_owned(),
        );
    }
    if storage.text("endpoint").starts_with("http://") && !endpoint::is_loopback(storage.text("endpoint")) {
        warnings.push("the endpoint is http: everything crosses the network in the clear".to_owned());
    }
    warnings
}

/// Whether an endpoint names its server by a number, or as this machine: then no names lie below it.
pub(crate) fn is_address(endpoint: &str) -> bool {
    endpoint::is_address(endpoint)
}

/// Where a `Local` space begins: its root, or else its working directory.
pub(crate) fn local_root(space: &UserSpace) -> PathBuf {
    match space.storage.text("root") {
        "" => PathBuf::from(&space.working_dir),
        root => PathBuf::from(root),
    }
}

/// Where a `Local` space keeps its own things, from its root: nothing when the working directory is the root.
fn local_working_dir(space: &UserSpace) -> &str {
    if space.storage.text("root").is_empty() { "" } else { space.working_dir.trim_matches('/') }
}

/// Whether the working directory of a `Local` space, as far as it is there, lies below the root, links resolved.
pub(crate) fn stays_below_root(space: &UserSpace) -> bool {
    let root = local_root(space);
    let there = root.join(local_working_dir(space));
    let Some(there) = there.ancestors().find_map(|folder| folder.canonicalize().ok()) else { return false };
    root.canonicalize().is_ok_and(|root| there.starts_with(root))
}

/// Opens the storage of a space; nothing is created and nothing is asked of it.
pub(super) fn open(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let kind = find(space.storage.kind()).map_err(|error| Fault::Unavailable(Box::new(error)))?;
    (kind.open)(space)
}

fn find(name: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| unknown("storage.type", name))
}

fn kind_of(what: &'static str, fields: &Map<String, Value>) -> Result<&'static Kind> {
    match fields::find(fields, "type") {
        Some(Value::String(name)) => KINDS
            .iter()
            .find(|kind| kind.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| unknown(format!("{what}.type"), name)),
        Some(_) => Err(Error::invalid(format!("{what}.type"), "must be a string")),
        None => Err(Error::invalid(format!("{what}.type"), format!("is missing; it must be one of {}", names()))),
    }
}

fn unknown(field: impl Into<std::borrow::Cow<'static, str>>, name: &str) -> Error {
    let name: String = name.chars().take(40).collect();
    Error::invalid(field, format!("`{name}` is not known; it must be one of {}", names()))
}

fn names() -> String {
    KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
}

fn same_kind(kind: &Kind, credential: &Map<String, Value>) -> Result<()> {
    let found = kind_of("credential", credential)?;
    if found.name == kind.name {
        return Ok(());
    }
    let reason = format!("is {}, but the storage is of type {}: both must be the same", found.name, kind.name);
    Err(Error::invalid("credential.type", reason))
}

// --- How each is opened -------------------------------------------------------------------------------------------

fn open_local(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let root = local_root(space);
    let working_dir = local_working_dir(space);
    let shards = ShardStore::Disk(Disk::new(root.join(working_dir)));
    Ok(Opened { shards, files: Files::Local(LocalFiles::new(&root, working_dir)) })
}

/// One memory per space, however often it is opened: it is forgotten with the process.
fn open_memory(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    static MEMORIES: LazyLock<Mutex<HashMap<String, Operator>>> = LazyLock::new(Mutex::default);
    let mut memories = MEMORIES.lock().unwrap_or_else(PoisonError::into_inner);
    let operator = match memories.get(&space.store_uuid) {
        Some(operator) => operator.clone(),
        None => {
            let made = Operator::new(services::Memory::default())?;
            memories.insert(space.store_uuid.clone(), made.clone());
            made
        }
    };
    Ok(opened(space, operator, Transfer::Memory))
}

/// Never looks for credentials of this server: neither in its environment, nor its files, nor its machine's metadata.
fn s3(space: &UserSpace, path_style: bool) -> services::S3 {
    let (storage, credential) = (&space.storage, &space.credential);
    let region = match storage.text("region") {
        "" => "us-east-1",
        region => region,
    };
    let mut builder = services::S3::default()
        .bucket(storage.text("bucket"))
        .region(region)
        .disable_config_load()
        .disable_ec2_metadata();
    if !storage.text("endpoint").is_empty() {
        builder = builder.endpoint(storage.text("endpoint"));
    }
    if !path_style {
        builder = builder.enable_virtual_host_style();
    }
    if credential.text("accessKeyId").is_empty() {
        return builder.skip_signature();
    }
    builder =
        builder.access_key_id(credential.text("accessKeyId")).secret_access_key(credential.text("secretAccessKey"));
    match credential.text("sessionToken") {
        "" => builder,
        token => builder.session_token(token),
    }
}

fn open_s3(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let path_style = space.storage.flag("pathStyle").unwrap_or(true);
    over_s3(space, path_style)
}

/// OBS speaks S3, and that way its listings tell time and tag, which its own protocol's client does not. A server that
/// is named by its address has no host names for buckets.
fn open_obs(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let by_address = endpoint::is_address(space.storage.text("endpoint"));
    let path_style = space.storage.flag("pathStyle").unwrap_or(by_address);
    over_s3(space, path_style)
}

/// Speaks S3, in which the buckets of an account can be copied between.
fn over_s3(space: &UserSpace, path_style: bool) -> std::result::Result<Opened, Fault> {
    let connection = Connection::open(&space.storage, Limits::of(&space.storage))?;
    let cloud = connected(space, &connection, Operator::new(s3(space, path_style))?, Transfer::Multipart);
    // opendal sends it with whole objects only.
    let checked = Operator::new(s3(space, path_style).checksum_algorithm("md5"))?;
    let cloud = cloud.with_checked(connection.layered(through(&connection, checked)));
    Ok(shared(cloud.with_across(connection.across(&space.storage, &space.credential, path_style))))
}

fn open_oss(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let (storage, credential) = (&space.storage, &space.credential);
    let builder = services::Oss::default()
        .bucket(storage.text("bucket"))
        .endpoint(storage.text("endpoint"))
        .access_key_id(credential.text("accessKeyId"))
        .access_key_secret(credential.text("secretAccessKey"));
    let builder = match credential.text("sessionToken") {
        "" => builder,
        token => builder.security_token(token),
    };
    over_http(space, Operator::new(builder)?, Transfer::Multipart)
}

fn open_cos(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let (storage, credential) = (&space.storage, &space.credential);
    let builder = services::Cos::default()
        .bucket(storage.text("bucket"))
        .endpoint(storage.text("endpoint"))
        .secret_id(credential.text("accessKeyId"))
        .secret_key(credential.text("secretAccessKey"))
        .disable_config_load();
    let builder = match credential.text("sessionToken") {
        "" => builder,
        token => builder.security_token(token),
    };
    over_http(space, Operator::new(builder)?, Transfer::Multipart)
}

fn open_azblob(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let (storage, credential) = (&space.storage, &space.credential);
    let builder = services::Azblob::default()
        .container(storage.text("container"))
        .endpoint(storage.text("endpoint"))
        .account_name(credential.text("accountName"))
        .account_key(credential.text("accountKey"));
    over_http(space, Operator::new(builder)?, Transfer::Multipart)
}

fn open_gcs(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let (storage, credential) = (&space.storage, &space.credential);
    let key = data_encoding::BASE64.encode(credential.text("serviceAccountKey").as_bytes());
    let mut builder = services::Gcs::default()
        .bucket(storage.text("bucket"))
        .credential(&key)
        .disable_config_load()
        .disable_vm_metadata();
    if !storage.text("endpoint").is_empty() {
        builder = builder.endpoint(storage.text("endpoint"));
    }
    over_http(space, Operator::new(builder)?, Transfer::Multipart)
}

fn open_webdav(space: &UserSpace) -> std::result::Result<Opened, Fault> {
    let (storage, credential) = (&space.storage, &space.credential);
    let builder = services::Webdav::default()
        .endpoint(storage.text("endpoint"))
        .username(credential.text("username"))
        .password(credential.text("password"));
    over_http(space, Operator::new(builder)?, Transfer::OneRequest)
}

/// Opens a storage that is spoken to over HTTP.
fn over_http(space: &UserSpace, operator: Operator, transfer: Transfer) -> std::result::Result<Opened, Fault> {
    let connection = Connection::open(&space.storage, Limits::of(&space.storage))?;
    let mut cloud = connected(space, &connection, operator, transfer);
    if transfer == Transfer::OneRequest {
        cloud = cloud.with_direct(connection.direct(&space.storage, &space.credential)?);
    }
    Ok(shared(cloud))
}

fn connected(space: &UserSpace, connection: &Connection, operator: Operator, transfer: Transfer) -> Cloud {
    Cloud::new(connection.layered(through(connection, operator)), space, transfer)
}

/// Gives `operator` a space's way to the network.
fn through(connection: &Connection, operator: Operator) -> Operator {
    let context = operator.base_context().clone().with_http_transport(connection.transporter());
    operator.with_context(context)
}

fn opened(space: &UserSpace, operator: Operator, transfer: Transfer) -> Opened {
    shared(Cloud::new(operator, space, transfer))
}

/// One cloud for shards and for files.
fn shared(cloud: Cloud) -> Opened {
    let cloud = Arc::new(cloud);
    Opened { shards: ShardStore::Cloud(Arc::clone(&cloud)), files: Files::Cloud(cloud) }
}

/// Whether `root` lies in one of the directories that the configuration allows, links resolved.
pub(crate) fn is_allowed(root: &Path, allowed: &[PathBuf]) -> bool {
    let Ok(root) = root.canonicalize() else { return false };
    allowed.iter().filter_map(|allowed| allowed.canonicalize().ok()).any(|allowed| root.starts_with(allowed))
}
