//! What a user may write, and what is said about the rest.

use super::*;
use figment::value::{Dict, Value};
use std::time::Duration;

/// Settings from the text of a file, variables and flags; the working directory is not looked at.
fn load(file: &str, variables: &[(&str, &str)], mut flags: Flags) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    std::fs::write(&path, file).unwrap();
    flags.config = Some(path);
    let environment = Environment::of(variables.iter().map(|(name, value)| (name.into(), value.into())))?;
    Config::from_layers(&flags, &environment)
}

fn from_file(file: &str) -> Result<Config, ConfigError> {
    load(file, &[], Flags::default())
}

fn from_environment(name: &str, value: &str) -> Result<Config, ConfigError> {
    load("", &[(name, value)], Flags::default())
}

#[track_caller]
fn assert_refused(loaded: Result<Config, ConfigError>, words: &[&str]) {
    let message = loaded.expect_err("must be refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

#[test]
fn the_defaults_are_usable_and_mean_what_they_say() {
    let config = from_file("").unwrap();
    assert_eq!(config.data, PathBuf::from("./data"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:7890");
    assert_eq!(config.database_url, None);
    assert_eq!(config.store.chunk_size, 64 << 20);
    assert_eq!(config.store.pack_limit, 256 << 10);
    assert_eq!(config.sweep.grace, Duration::from_secs(24 * 60 * 60));
    assert_eq!(config.multipart.expiry, Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(config.auth.loopback, Loopback::Open);
    assert_eq!(config.auth.admin_token, None);
    assert_eq!(config.v1.bucket_delete, BucketDelete::Cascade);
    assert!(!config.s3_listen_is_set);
}

/// Together with `deny_unknown_fields`, which the other tests run into, this makes file and structs hold the same keys.
#[test]
fn no_key_can_be_left_out_of_the_default_file() {
    let defaults = layer::defaults().unwrap();
    let mut keys = Vec::new();
    layer::collect_keys(&defaults, "", &mut keys);
    assert!(keys.len() > 30, "the walk found the keys");
    for key in keys {
        let mut pruned = defaults.clone();
        remove(&mut pruned, &key);
        let read = Value::from(pruned).deserialize::<Config>();
        assert!(read.is_err(), "`{key}` has a default somewhere else than in the file");
    }
}

#[test]
fn every_key_of_the_default_file_has_a_comment() {
    let text = include_str!("../../config.default.toml");
    let mut previous = "";
    for line in text.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(previous.starts_with('#'), "no reason is given for: {line}");
        }
        previous = line;
    }
}

fn remove(dict: &mut Dict, key: &str) {
    match key.split_once('.') {
        None => drop(dict.remove(key)),
        Some((table, rest)) => {
            let Some(Value::Dict(_, inner)) = dict.get_mut(table) else { panic!("{table} is a table") };
            remove(inner, rest);
        }
    }
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "listen = '127.0.0.1:1001'\ndata = '/from/file'\ndatabase_url = 'sqlite:file.db'";
    let variables = [("HOLDALL_LISTEN", "127.0.0.1:1002"), ("HOLDALL_DATA", "/from/env")];
    let flags = Flags { listen: Some("127.0.0.1:1003".to_owned()), ..Flags::default() };
    let config = load(file, &variables, flags).unwrap();
    assert_eq!(config.listen.port(), 1003);
    assert_eq!(config.data, PathBuf::from("/from/env"));
    assert_eq!(config.database_url.as_deref(), Some("sqlite:file.db"));
}

#[test]
fn every_flag_reaches_its_setting() {
    let flags = Flags {
        config: None,
        data: Some("/d".to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        s3_listen: Some("[::1]:9".to_owned()),
        database_url: Some("postgres://localhost/h".to_owned()),
        log_format: Some(LogFormat::Json),
    };
    let config = load("", &[], flags).unwrap();
    assert_eq!(config.data, PathBuf::from("/d"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.s3_listen.to_string(), "[::1]:9");
    assert!(config.s3_listen_is_set);
    assert_eq!(config.database_url.as_deref(), Some("postgres://localhost/h"));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_environment_is_read_as_toml() {
    let config = from_environment("HOLDALL_SPACES__LOCAL_ROOTS", r#"["/srv/a", "/srv/b"]"#).unwrap();
    assert_eq!(config.spaces.local_roots, [PathBuf::from("/srv/a"), PathBuf::from("/srv/b")]);
    assert!(from_environment("HOLDALL_BEHIND_PROXY", "true").unwrap().behind_proxy);
    assert_eq!(from_environment("HOLDALL_DATABASE__READERS", "7").unwrap().database.readers, 7);
    // Text, with its quotes and without; digits stay text where text is meant.
    assert_eq!(from_environment("HOLDALL_STORE__CHUNK_SIZE", "32MiB").unwrap().store.chunk_size, 32 << 20);
    assert_eq!(from_environment("HOLDALL_STORE__CHUNK_SIZE", "'32MiB'").unwrap().store.chunk_size, 32 << 20);
    assert_eq!(from_environment("HOLDALL_STORE__CHUNK_SIZE", "33554432").unwrap().store.chunk_size, 32 << 20);
    let token = from_environment("HOLDALL_AUTH__ADMIN_TOKEN", "007").unwrap().auth.admin_token.unwrap();
    assert_eq!(token.expose(), "007");
    // A value must not be able to smuggle in a second key.
    assert_refused(from_environment("HOLDALL_BEHIND_PROXY", "true\nlisten = '1'"), &["behind_proxy"]);
}

#[test]
fn other_peoples_variables_are_not_settings() {
    for name in [
        "HOLDALL",
        "HOLDALL_",
        "HOLDALL_MASTER_KEY",
        "HOLDALL_MASTER_KEY_NEW",
        "HOLDALL_TEST_POSTGRES",
        "HOLDALL_PORT",
        "HOLDALL_SERVICE_HOST",
    ] {
        assert!(from_environment(name, "tcp://10.0.0.1:80").is_ok(), "{name}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_a_near_match() {
    assert_refused(from_file("lisen = '127.0.0.1:1'"), &["`lisen`", "settings.toml", "did you mean `listen`?"]);
    assert_refused(from_file("chunk_size = 1"), &["`chunk_size`", "`store.chunk_size`"]);
    assert_refused(from_file("[sweep]\ngrase = '1h'"), &["`sweep.grase`", "`sweep.grace`"]);
    assert_refused(
        from_environment("HOLDALL_SWEEP__GRASE", "1h"),
        &["environment variable HOLDALL_SWEEP__GRASE", "`sweep.grace`"],
    );
    let far = from_file("quite_something_else = 1").unwrap_err().to_string();
    assert!(!far.contains("did you mean"), "{far}");
}

#[test]
fn all_unknown_keys_are_told_at_once() {
    assert_refused(from_file("one = 1\n[store]\ntwo = 2"), &["`one`", "`store.two`"]);
}

#[test]
fn a_table_and_a_value_are_not_mistaken_for_each_other() {
    assert_refused(from_file("store = 5"), &["`store`", "table"]);
    assert_refused(from_file("[listen]\nbehind_proxy = true"), &["`listen`", "not a table"]);
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_is_expected() {
    assert_refused(from_file("listen = 'localhost'"), &["`listen`", "settings.toml", "IP address and a port"]);
    assert_refused(from_file("[store]\nchunk_size = '64MB'"), &["`store.chunk_size`", "64MB", "MiB"]);
    assert_refused(from_file("[sweep]\ngrace = 15"), &["`sweep.grace`", "duration"]);
    assert_refused(from_file("[log]\nformat = 'xml'"), &["`log.format`", "human", "json", "xml"]);
    assert_refused(from_file("[database]\nreaders = -1"), &["`database.readers`"]);
    assert_refused(from_file("[auth]\nloopback = 'maybe'"), &["`auth.loopback`", "open", "closed"]);
}

#[test]
fn impossible_values_are_named_with_their_cure() {
    let cases: &[(&str, &[&str])] = &[
        ("[store]\nchunk_size = '1KiB'", &["`store.chunk_size`", "1MiB to 1GiB"]),
        ("[store]\nchunk_size = 67108865", &["`store.chunk_size`", "multiple of 1MiB"]),
        ("[store]\npack_limit = '2MiB'", &["`store.pack_limit`", "0 bytes to 1MiB"]),
        ("[store]\npack_limit = '1MiB'\npack_size = '512KiB'", &["`store.pack_limit`", "`store.pack_size`"]),
        ("[store]\npack_size = '65MiB'\npack_memory = '65MiB'", &["`store.pack_size`", "`store.chunk_size`"]),
        ("[store]\npack_memory = '4MiB'", &["`store.pack_memory`", "`store.pack_size`"]),
        ("[store]\nread_ahead = 0", &["`store.read_ahead`", "1 to 1024"]),
        ("[sweep]\ngrace = '999ms'", &["`sweep.grace`", "1s"]),
        ("[sweep]\ninterval = '0s'", &["`sweep.interval`"]),
        ("[multipart]\nexpiry = '0s'", &["`multipart.expiry`"]),
        ("[limits]\njson_body = 10", &["`limits.json_body`", "1KiB"]),
        ("[limits]\nupload_files = 0", &["`limits.upload_files`"]),
        ("[limits]\nheader_timeout = '0s'", &["`limits.header_timeout`"]),
        ("[limits]\nbody_timeout = '0s'", &["`limits.body_timeout`"]),
        ("[database]\ngroup = 0", &["`database.group`"]),
        ("[database]\npool = 0", &["`database.pool`"]),
        ("[database]\nreaders = 0", &["`database.readers`"]),
        ("[shutdown]\ngrace = '2d'", &["`shutdown.grace`"]),
        ("[audit]\nretention = '0s'", &["`audit.retention`"]),
        ("database_url = 'mysql://host/db'", &["`database_url`", "postgres://"]),
        ("[log]\nfilter = 'holdall=loud'", &["`log.filter`", "info"]),
        ("[spaces]\nlocal_roots = ['relative']", &["`spaces.local_roots`", "absolute"]),
        ("[auth]\nadmin_token = 'two words'", &["`auth.admin_token`", "ASCII"]),
        ("listen = '127.0.0.1:5'\ns3_listen = '127.0.0.1:5'", &["`s3_listen`", "`listen`"]),
    ];
    for (file, words) in cases {
        assert_refused(from_file(file), words);
    }
}

#[test]
fn two_problems_are_told_at_once() {
    assert_refused(
        from_file("[store]\nchunk_size = 1\n[database]\ngroup = 0"),
        &["`store.chunk_size`", "`database.group`"],
    );
}

#[test]
fn another_address_than_loopback_needs_a_proxy() {
    assert_refused(from_file("listen = '0.0.0.0:7890'"), &["`listen`", "behind_proxy = true", "TLS"]);
    assert_refused(from_file("s3_listen = '[::]:7891'"), &["`s3_listen`", "behind_proxy"]);
    assert!(from_file("listen = '0.0.0.0:7890'\nbehind_proxy = true").is_ok());
    assert!(from_file("listen = '[::1]:0'").is_ok());
}

#[test]
fn tls_takes_both_files_and_then_any_address() {
    let tls = "[tls]\ncertificate = '/c.pem'\nkey = '/k.pem'";
    let config = from_file(&format!("listen = '0.0.0.0:7890'\n{tls}")).unwrap();
    assert_eq!(config.tls.pair().unwrap().key, PathBuf::from("/k.pem"));
    assert_eq!(from_file("").unwrap().tls.pair(), None);
    assert_refused(from_file("[tls]\ncertificate = '/c.pem'"), &["`tls.key`", "`tls.certificate` is"]);
    assert_refused(from_file("[tls]\nkey = '/k.pem'"), &["`tls.certificate`"]);
}

#[test]
fn a_short_grace_is_allowed() {
    assert_eq!(from_file("[sweep]\ngrace = '1s'\ninterval = '100ms'").unwrap().sweep.grace, Duration::from_secs(1));
}

#[test]
fn a_named_file_must_exist() {
    let flags = Flags { config: Some("/no/such/file.toml".into()), ..Flags::default() };
    assert_refused(Config::from_layers(&flags, &Environment::default()), &["/no/such/file.toml"]);
}

#[test]
fn a_syntax_error_is_told_by_its_line_and_keeps_the_secret() {
    let refused = from_file("[auth]\nadmin_token = hunter2 oops").unwrap_err().to_string();
    assert!(refused.contains("line 2"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn secrets_are_in_no_message_and_no_debug_print() {
    let file = "database_url = 'postgres://ann:hunter2@db/holdall'\n[auth]\nadmin_token = 'hunter2'";
    let printed = format!("{:?}", from_file(file).unwrap());
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("[redacted]"));

    let wrong_type = from_file("[auth]\nadmin_token = 31337").unwrap_err().to_string();
    assert!(wrong_type.contains("`auth.admin_token`") && !wrong_type.contains("31337"), "{wrong_type}");
    let not_ascii = from_file("[auth]\nadmin_token = 'hunter2 é'").unwrap_err().to_string();
    assert!(!not_ascii.contains("hunter2"), "{not_ascii}");
}
