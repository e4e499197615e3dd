//! Connectors and datasources as they are kept: checked fields, in which marks stand for secrets.

use super::{
    fields::{self, Fields, Kind, text},
    interval,
    run::LastRun,
    secret::{self, Secrets},
    target::Target,
};
use crate::domain::{Error, Result, id::CredentialId, time::Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const CONNECTOR: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("category", Kind::Text),
    ("icon", Kind::Text),
    ("tags", Kind::Texts),
    ("url", Kind::Text),
    ("path_hierarchy", Kind::Flag),
    ("assets", Kind::Object),
    ("config", Kind::Object),
    ("oauth_connect_implemented", Kind::Flag),
    ("processor", Kind::Object),
    ("metadata", Kind::Object),
    ("payload", Kind::Object),
];

const DATASOURCE: &[(&str, Kind)] = &[
    ("type", Kind::Text),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("icon", Kind::Text),
    ("category", Kind::Text),
    ("tags", Kind::Texts),
    ("connector", Kind::Object),
    ("sync", Kind::Object),
    ("sync_enabled", Kind::Flag),
    ("enabled", Kind::Flag),
    ("enrichment_pipeline", Kind::Any),
    ("webhook", Kind::Object),
    ("document_processing_config", Kind::Object),
    ("metadata", Kind::Object),
    ("payload", Kind::Object),
];

/// A connector, as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) id: String,
    /// Comes with this server, and cannot be deleted.
    pub(crate) builtin: bool,
    /// With marks for secrets.
    pub(crate) body: Fields,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Connector {
    /// What callers may send of a connector.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field that is wrong.
    pub(crate) fn checked(sent: &Fields) -> Result<Fields> {
        fields::keep(sent, CONNECTOR)
    }

    /// As answers show it.
    pub(crate) fn source(&self) -> Fields {
        let mut source = self.body.clone();
        source.insert("builtin".to_owned(), self.builtin.into());
        stamp(source, &self.id, self.created_at, self.updated_at)
    }
}

/// A datasource, as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Datasource {
    pub(crate) id: String,
    pub(crate) owner: CredentialId,
    /// With marks for secrets.
    pub(crate) body: Fields,
    /// What is sealed: the secrets of the body.
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Datasource {
    pub(crate) fn name(&self) -> &str {
        text(&self.body, "name")
    }

    pub(crate) fn connector_id(&self) -> &str {
        self.body.get("connector").and_then(|connector| connector.get("id")).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether its documents are found.
    pub(crate) fn is_enabled(&self) -> bool {
        self.body.get("enabled").and_then(Value::as_bool).unwrap_or(true)
    }

    /// As answers show it, with what its last scan did.
    pub(crate) fn source(&self, run: Option<&ShownRun>) -> Fields {
        let mut source = self.body.clone();
        if let Some(run) = run {
            source.insert("last_run".to_owned(), run.to_json());
        }
        stamp(source, &self.id, self.created_at, self.updated_at)
    }

    /// As lists show it: without the configuration of its connector.
    pub(crate) fn listed(&self, run: Option<&ShownRun>) -> Fields {
        let mut source = self.source(run);
        if let Some(Value::Object(connector)) = source.get_mut("connector") {
            connector.remove("config");
        }
        source
    }
}

/// How the scans of a datasource stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShownRun {
    /// The one under way, or the last one.
    pub(crate) run: LastRun,
    /// When the next one begins; `None`: nobody will begin one.
    pub(crate) next: Option<Timestamp>,
}

impl ShownRun {
    fn to_json(&self) -> Value {
        let LastRun { started, ended, counts, error } = &self.run;
        let time = |at: &Option<Timestamp>| at.map(Timestamp::to_rfc3339);
        let state = match (started, ended, error.is_empty()) {
            (None, ..) => "waiting",
            (_, None, _) => "running",
            (_, Some(_), true) => "succeeded",
            (_, Some(_), false) => "failed",
        };
        json!({
            "state": state,
            "when": time(&ended.or(*started)),
            "started": time(started),
            "ended": time(ended),
            "listed": counts.listed,
            "indexed": counts.indexed,
            "removed": counts.removed,
            "unchanged": counts.unchanged,
            "error": if error.is_empty() { Value::Null } else { error.as_str().into() },
            "next": time(&self.next),
        })
    }
}

fn stamp(mut source: Fields, id: &str, created: Timestamp, updated: Timestamp) -> Fields {
    source.insert("id".to_owned(), id.into());
    source.insert("created".to_owned(), created.to_rfc3339().into());
    source.insert("updated".to_owned(), updated.to_rfc3339().into());
    source
}

/// What is to be kept of a datasource: checked, and made whole with what is not said.
#[derive(Clone)]
pub(crate) struct Draft {
    /// With marks for secrets.
    pub(crate) body: Fields,
    pub(crate) secrets: Secrets,
    /// `None`: nothing that this server lists by itself.
    pub(crate) target: Option<Target>,
    pub(crate) schedule: Schedule,
}

/// Never shows the secrets.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("body", &self.body).finish_non_exhaustive()
    }
}

/// When a datasource is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) active: bool,
    /// `None`: as often as the connector's interval says.
    pub(crate) interval: Option<Duration>,
}

impl Draft {
    /// Reads what was sent, over what is there already. What is absent stays as it is, and is on where nothing is there:
    /// a datasource is made to be scanned and searched.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field that is missing or wrong.
    pub(crate) fn read(sent: &Fields, before: Option<(&Fields, &Secrets)>) -> Result<Self> {
        let changes = fields::keep(sent, DATASOURCE)?;
        let (mut body, known) = match before {
            Some((body, secrets)) => (body.clone(), secrets.clone()),
            None => (Fields::new(), Secrets::new()),
        };
        fields::merge(&mut body, in_one_way(changes)?);
        fill(&mut body)?;
        let secrets = secret::take(&mut body, &known);
        let whole = secret::put_back(&body, &secrets);
        let connector = fields::object(&whole, "connector");
        let config = fields::object(&connector, "config");
        let target = Target::read(text(&connector, "id"), &config)?;
        let schedule = schedule(&whole, &config)?;
        Ok(Self { body, secrets, target, schedule })
    }

    pub(crate) fn connector_id(&self) -> &str {
        self.body.get("connector").and_then(|connector| connector.get("id")).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Clients of the first generation send `sync_enabled`.
fn in_one_way(mut changes: Fields) -> Result<Fields> {
    if let Some(enabled) = changes.remove("sync_enabled") {
        let mut sync = fields::object(&changes, "sync");
        sync.entry("enabled").or_insert(enabled);
        changes.insert("sync".to_owned(), Value::Object(sync));
    }
    if let Some(Value::Object(sync)) = changes.get("sync") {
        let known =
            [("enabled", Kind::Flag), ("strategy", Kind::Text), ("interval", Kind::Text), ("page_size", Kind::Count)];
        let sync = fields::keep(sync, &known).map_err(|error| within("sync", error))?;
        changes.insert("sync".to_owned(), Value::Object(sync));
    }
    if let Some(Value::Object(connector)) = changes.get("connector") {
        let known = [("id", Kind::Text), ("config", Kind::Object)];
        let connector = fields::keep(connector, &known).map_err(|error| within("connector", error))?;
        changes.insert("connector".to_owned(), Value::Object(connector));
    }
    Ok(changes)
}

fn within(outer: &str, error: Error) -> Error {
    match error {
        Error::Invalid { field, reason } => Error::invalid(format!("{outer}.{field}"), reason),
        other => other,
    }
}

/// Makes a datasource whole.
fn fill(body: &mut Fields) -> Result<()> {
    match text(body, "type") {
        "connector" => {}
        "" => return Err(Error::invalid("type", "is missing; it must be `connector`")),
        _ => return Err(Error::invalid("type", "must be `connector`")),
    }
    let connector = fields::object(body, "connector");
    if text(&connector, "id").is_empty() {
        return Err(Error::invalid("connector.id", "is missing; name a connector, such as `s3`"));
    }
    body.entry("name").or_insert_with(|| "".into());
    body.entry("enabled").or_insert(true.into());
    let mut sync = fields::object(body, "sync");
    sync.entry("enabled").or_insert(true.into());
    body.insert("sync".to_owned(), Value::Object(sync));
    Ok(())
}

fn schedule(body: &Fields, config: &Fields) -> Result<Schedule> {
    let sync = fields::object(body, "sync");
    let interval = match (text(&sync, "interval"), config.get("interval")) {
        ("", None | Some(Value::Null)) => None,
        ("", Some(Value::String(text))) => {
            if text.is_empty() {
                None
            } else {
                Some(interval::parse("connector.config.interval", text)?)
            }
        }
        ("", Some(_)) => return Err(Error::invalid("connector.config.interval", "must be text such as `30s`")),
        (text, _) => Some(interval::parse("sync.interval", text)?),
    };
    Ok(Schedule { active: flag(body, "enabled") && flag(&sync, "enabled"), interval })
}

fn flag(fields: &Fields, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(sent: Value, before: Option<&Draft>) -> Result<Draft> {
        Draft::read(sent.as_object().unwrap(), before.map(|draft| (&draft.body, &draft.secrets)))
    }

    fn sample() -> Value {
        json!({"name": "My S3 Documents", "type": "connector", "connector": {"id": "s3", "config": {
            "access_key_id": "AK", "secret_access_key": "SK", "bucket": "b", "endpoint": "e"}}})
    }

    #[test]
    fn a_datasource_is_on_unless_it_says_otherwise() {
        let made = draft(sample(), None).unwrap();
        assert_eq!(made.schedule, Schedule { active: true, interval: None });
        assert!(flag(&made.body, "enabled") && made.target.is_some());
        for off in [json!({"enabled": false}), json!({"sync_enabled": false}), json!({"sync": {"enabled": false}})] {
            assert!(!draft(off, Some(&made)).unwrap().schedule.active);
        }
    }

    #[test]
    fn what_is_absent_stays_and_false_is_not_absent() {
        let made = draft(sample(), None).unwrap();
        let off = draft(json!({"enabled": false, "sync": {"interval": "1h"}}), Some(&made)).unwrap();
        let renamed = draft(json!({"name": "other"}), Some(&off)).unwrap();
        assert_eq!((text(&renamed.body, "name"), flag(&renamed.body, "enabled")), ("other", false));
        assert_eq!(renamed.schedule.interval, Some(Duration::from_secs(3600)));
        let moved = draft(json!({"connector": {"config": {"bucket": "c", "secret_access_key": "******"}}}), Some(&off));
        let moved = moved.unwrap();
        assert_eq!(moved.target.unwrap().bucket, "c");
        assert_eq!(moved.secrets["/connector/config/secret_access_key"], "SK");
    }

    #[test]
    fn both_generations_of_intervals_are_read() {
        for (sent, seconds) in [
            (json!({"sync": {"interval": "60s"}}), 60),
            (json!({"connector": {"config": {"interval": "5m"}}}), 300),
            (json!({"sync": {"interval": "60s"}, "connector": {"config": {"interval": "5m"}}}), 60),
        ] {
            let made = draft(sample(), None).unwrap();
            let changed = draft(sent, Some(&made)).unwrap();
            assert_eq!(changed.schedule.interval, Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (sent, named) in [
            (json!({"type": "file"}), "type"),
            (json!({"type": "connector"}), "connector.id"),
            (json!({"type": "connector", "connector": {"id": 3}}), "connector.id"),
            (json!({"type": "connector", "connector": "s3"}), "connector"),
            (json!({"type": "connector", "connector": {"id": "s3"}}), "access_key_id"),
            (json!({"name": 1}), "name"),
            (json!({"sync": {"enabled": "yes"}}), "sync.enabled"),
            (json!({"enabled": 1}), "enabled"),
        ] {
            let error = draft(sent.clone(), None).unwrap_err().to_string();
            assert!(error.contains(named), "{sent}: {error}");
        }
        let made = draft(sample(), None).unwrap();
        assert!(
            draft(json!({"sync": {"interval": "soon"}}), Some(&made))
                .unwrap_err()
                .to_string()
                .contains("sync.interval")
        );
    }
}
