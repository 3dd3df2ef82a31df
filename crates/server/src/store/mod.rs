//! What outlives the server: the rooms, in SQLite.

use std::path::{Path, PathBuf};
use std::time::Duration;

use beckon_protocol::room::{RoomId, StyleType, Template, UserId};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Row, SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

/// A room as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its ID, unique on this server.
    pub id: RoomId,
    /// The application whose users may see it.
    pub app: u64,
    /// Whose it is.
    pub creator: UserId,
    /// Name for lists.
    pub name: String,
    /// Title for windows.
    pub title: String,
    /// Call or live.
    pub style: StyleType,
    /// Layout, which bounds how many may publish.
    pub template: Template,
    /// When it was made, UNIX time in s.
    pub created: i64,
    /// Whether the creator has been in it.
    pub creator_joined: bool,
}

/// A database that does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// It is of a version this server does not know.
    #[error("cannot bring the database {path} up to date: {source} (was it written by a newer beckond?)")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("the database failed to {what}: {source}")]
    Query {
        /// What was tried.
        what: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A row holds what no version of this server wrote.
    #[error("the database holds a room whose {field} does not fit")]
    Row {
        /// The column.
        field: &'static str,
    },
}

/// The steps to the database's present shape: number, what it brings, the file in `migrations/`. One that was released is never changed:
/// databases remember its checksum. (sqlx's macro would read the folder, and build SQLite a second time for that.)
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "rooms", include_str!("../../migrations/0001_rooms.sql"))];

fn migrator() -> Migrator {
    let step = |(number, what, sql): (i64, &'static str, &'static str)| {
        Migration::new(number, what.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.map(step).into())
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens (or makes) `beckond.db` in the folder `data` and brings it up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Migrate`].
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("beckond.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        // SQLite writes one at a time anyway; a few readers beside it are plenty.
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { path: path.clone(), source })?;
        migrator().run(&pool).await.map_err(|source| StoreError::Migrate { path, source })?;
        Ok(Self { pool })
    }

    /// Keeps a new room; false when its ID is taken.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn insert(&self, room: &RoomRecord) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO rooms (id, app, creator, name, title, style, template, created, creator_joined) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(room.id.as_str())
        .bind(room.app.cast_signed())
        .bind(room.creator.as_str())
        .bind(&room.name)
        .bind(&room.title)
        .bind(word(&room.style))
        .bind(word(&room.template))
        .bind(room.created)
        .bind(room.creator_joined)
        .execute(&self.pool)
        .await
        .map_err(|source| StoreError::Query { what: "keep a room", source })?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that the creator has been in the room.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn creator_joined(&self, room: &RoomId) -> Result<(), StoreError> {
        sqlx::query("UPDATE rooms SET creator_joined = 1 WHERE id = ?")
            .bind(room.as_str())
            .execute(&self.pool)
            .await
            .map_err(|source| StoreError::Query { what: "change a room", source })?;
        Ok(())
    }

    /// Forgets a room.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn delete(&self, room: &RoomId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM rooms WHERE id = ?")
            .bind(room.as_str())
            .execute(&self.pool)
            .await
            .map_err(|source| StoreError::Query { what: "delete a room", source })?;
        Ok(())
    }

    /// All rooms, newest first.
    ///
    /// # Errors
    /// [`StoreError::Query`], [`StoreError::Row`].
    pub async fn rooms(&self) -> Result<Vec<RoomRecord>, StoreError> {
        sqlx::query("SELECT * FROM rooms ORDER BY created DESC, id")
            .fetch_all(&self.pool)
            .await
            .map_err(|source| StoreError::Query { what: "list the rooms", source })?
            .iter()
            .map(record)
            .collect()
    }

    /// Writes what is open and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The word that JSON has for a value: the database uses the same.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

fn unword<T: DeserializeOwned>(text: String, field: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(text.into()).map_err(|_| StoreError::Row { field })
}

fn record(row: &SqliteRow) -> Result<RoomRecord, StoreError> {
    fn column<'r, T>(row: &'r SqliteRow, field: &'static str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        row.try_get(field).map_err(|_| StoreError::Row { field })
    }
    Ok(RoomRecord {
        id: unword(column(row, "id")?, "id")?,
        app: column::<i64>(row, "app")?.cast_unsigned(),
        creator: unword(column(row, "creator")?, "creator")?,
        name: column(row, "name")?,
        title: column(row, "title")?,
        style: unword(column(row, "style")?, "style")?,
        template: unword(column(row, "template")?, "template")?,
        created: column(row, "created")?,
        creator_joined: column(row, "creator_joined")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn room(id: &str, created: i64) -> RoomRecord {
        RoomRecord {
            id: id.parse().unwrap(),
            app: u64::MAX - 5,
            creator: "张三".parse().unwrap(),
            name: "客户 '; DROP TABLE rooms; --".into(),
            title: String::new(),
            style: StyleType::LiveRoom,
            template: Template::OneToFour,
            created,
            creator_joined: false,
        }
    }

    #[test]
    fn every_step_in_the_folder_is_taken() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> =
            folder.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.map(|(number, what, _)| format!("{number:04}_{what}.sql")));
    }

    #[tokio::test]
    async fn rooms_survive_closing_and_opening() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        assert!(store.insert(&room("a", 1)).await.unwrap());
        assert!(store.insert(&room("b", 2)).await.unwrap());
        assert!(!store.insert(&room("a", 3)).await.unwrap(), "an ID is taken once");
        store.creator_joined(&"a".parse().unwrap()).await.unwrap();
        store.close().await;

        let store = Store::open(folder.path()).await.unwrap();
        let a = RoomRecord { creator_joined: true, ..room("a", 1) };
        assert_eq!(store.rooms().await.unwrap(), [room("b", 2), a]);
        store.delete(&"b".parse().unwrap()).await.unwrap();
        assert_eq!(store.rooms().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("beckond.db"), "this is not a database, at all, by any means").unwrap();
        let error = Store::open(folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("beckond.db"), "{error}");
    }
}
