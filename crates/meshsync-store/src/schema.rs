//! The tables, and what a connection is set up with.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// Version of the tables: `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 1;

/// `resource` and `object` are the tables, `objects`, `labels` and `owners` are for
/// people.
pub(crate) const TABLES: &str = r#"
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    "group" TEXT NOT NULL,
    plural TEXT NOT NULL,
    UNIQUE (scope, "group", plural)
);
CREATE TABLE object (
    id INTEGER PRIMARY KEY,
    resource INTEGER NOT NULL REFERENCES resource (id),
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    api_version TEXT NOT NULL,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    version TEXT NOT NULL,
    hash TEXT NOT NULL,
    tier TEXT NOT NULL,
    observed TEXT NOT NULL,
    mark INTEGER NOT NULL,
    run INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (resource, namespace, name)
);
CREATE INDEX object_uid ON object (uid);
CREATE INDEX object_kind ON object (kind, namespace, name);
CREATE TABLE label (
    key TEXT NOT NULL, value TEXT NOT NULL, object INTEGER NOT NULL,
    PRIMARY KEY (key, value, object)
) WITHOUT ROWID;
CREATE INDEX label_object ON label (object);
CREATE TABLE owner (
    object INTEGER NOT NULL, uid TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (object, uid)
) WITHOUT ROWID;
CREATE INDEX owner_uid ON owner (uid);
CREATE TRIGGER object_gone AFTER DELETE ON object BEGIN
    DELETE FROM label WHERE object = old.id;
    DELETE FROM owner WHERE object = old.id;
END;
CREATE VIEW objects AS
    SELECT object.id, scope, "group", plural, api_version, kind, namespace, name, uid,
        version AS resource_version, hash, tier, observed, unpack(body) AS object
    FROM object JOIN resource ON resource.id = object.resource;
CREATE VIEW labels AS SELECT object AS id, key, value FROM label;
CREATE VIEW owners AS SELECT object AS id, uid, kind, name FROM owner;
"#;

/// For people, too, and made whenever a store is opened for writing: one of before
/// there was this view has none.
pub(crate) const FINGERPRINTS: &str = r#"
CREATE VIEW IF NOT EXISTS fingerprints AS
    SELECT id, scope, status ->> '$.product' AS product, status ->> '$.name' AS name,
        status ->> '$.category' AS category, status ->> '$.version' AS version,
        status ->> '$.edition' AS edition, status ->> '$.state' AS state,
        status ->> '$.confidence' AS confidence, status ->> '$.namespace' AS namespace,
        status ->> '$.instance' AS instance, observed, status
    FROM (
        SELECT object.id, scope, observed, unpack(body) -> '$.status' AS status
        FROM object JOIN resource ON resource.id = object.resource
        WHERE kind = 'Fingerprint' AND "group" = 'meshsync.meshery.io'
    );
"#;

/// Sets up any connection: the function `unpack(body)`.
pub(crate) fn functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("unpack", 1, flags, |context| {
        let body = context.get_raw(0).as_blob().map_err(user_error)?;
        let text = unpack(body).ok_or_else(|| user_error("not a body of this store"))?;
        String::from_utf8(text).map_err(user_error)
    })
}

fn user_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(error.into())
}

pub(crate) fn pack(object: &[u8]) -> Vec<u8> {
    lz4_flex::compress_prepend_size(object)
}

/// The largest body: what a frame of the API server may have.
const BODY_BYTES_MAX: usize = 16 << 20;

pub(crate) fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let size: [u8; 4] = body.get(..4)?.try_into().ok()?;
    if u32::from_le_bytes(size) as usize > BODY_BYTES_MAX {
        return None;
    }
    lz4_flex::decompress_size_prepended(body).ok()
}
