# SPDX-License-Identifier: Apache-2.0
"""SQLite (a file) or PostgreSQL (a connection string) behind one small seam.

SQL is written with `?`. SQLite: one connection, one writer at a time, WAL and
synchronous=FULL, so a commit is on the disk. PostgreSQL: one connection a
thread; several receivers may share the database, see custody.
"""
import contextlib
import sqlite3
import threading

SCHEMA = """
CREATE TABLE IF NOT EXISTS epochs(
  id {serial}, gateway TEXT NOT NULL, epoch TEXT NOT NULL,
  first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, store_origin TEXT,
  previous_epoch TEXT, previous_exact INTEGER, UNIQUE(gateway, epoch));
CREATE TABLE IF NOT EXISTS streams(
  id {serial}, gateway TEXT NOT NULL, epoch TEXT NOT NULL, class TEXT NOT NULL,
  UNIQUE(gateway, epoch, class));
CREATE TABLE IF NOT EXISTS heads(
  gateway TEXT NOT NULL, epoch TEXT NOT NULL, class TEXT NOT NULL,
  head BIGINT NOT NULL, told_at TEXT NOT NULL, PRIMARY KEY(gateway, epoch, class));
CREATE TABLE IF NOT EXISTS ranges(
  stream BIGINT NOT NULL, kind TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
  PRIMARY KEY(stream, kind, first));
CREATE TABLE IF NOT EXISTS tombstones(
  stream BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, count BIGINT NOT NULL,
  reason TEXT NOT NULL, taken_at TEXT NOT NULL, PRIMARY KEY(stream, first, last, reason));
CREATE TABLE IF NOT EXISTS chunks(
  id {serial}, stream BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
  taken_at TEXT NOT NULL, digests {blob} NOT NULL, coding TEXT, body {blob},
  UNIQUE(stream, first));
CREATE TABLE IF NOT EXISTS conflicts(
  stream BIGINT NOT NULL, sequence BIGINT NOT NULL, digest {blob} NOT NULL,
  taken_at TEXT NOT NULL, body TEXT, PRIMARY KEY(stream, sequence, digest));
"""


class Unavailable(Exception):
    """The database cannot be reached now; nothing was taken."""


def connect(url):
    """'PATH', 'sqlite:PATH' or 'postgresql://...' -> database with its tables."""
    if url.startswith(("postgresql:", "postgres:")):
        return _PostgreSQL(url)
    return _SQLite(url.removeprefix("sqlite:"))


class _SQLite:
    """One file. `transaction` holds the writer; `snapshot` reads beside it."""

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self._writer = self._open()
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("PRAGMA wal_autocheckpoint=4000")
        schema = SCHEMA.format(serial="INTEGER PRIMARY KEY AUTOINCREMENT", blob="BLOB")
        for statement in schema.split(";")[:-1]:
            self._writer.execute(statement)

    def _open(self):
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None,
                                     check_same_thread=False, cached_statements=256)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @contextlib.contextmanager
    def transaction(self):
        """A cursor; committed (and on the disk) at the end, else rolled back."""
        with self._lock:
            cursor = self._writer.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                raise Unavailable(str(error)) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self):
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self):
        """A cursor that reads one state of the data."""
        connection = self._open()
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            yield cursor
        finally:
            connection.close()

    def close(self):
        """Release the file."""
        with self._lock:
            self._writer.close()


class _Translated:
    """A psycopg2 cursor that takes `?` and gives bytes."""

    def __init__(self, cursor):
        self._cursor = cursor

    def execute(self, sql, parameters=()):
        """As in the DB API; returns self, so that fetch calls can follow."""
        self._cursor.execute(sql.replace("?", "%s"), parameters)
        return self

    def executemany(self, sql, rows):
        """One statement for many rows."""
        self._cursor.executemany(sql.replace("?", "%s"), rows)

    @staticmethod
    def _plain(row):
        return tuple(bytes(value) if type(value) is memoryview else value for value in row)

    def fetchone(self):
        """Next row or None."""
        row = self._cursor.fetchone()
        return None if row is None else self._plain(row)

    def fetchall(self):
        """All rows left."""
        return [self._plain(row) for row in self._cursor.fetchall()]

    def __iter__(self):
        return (self._plain(row) for row in self._cursor)


class _PostgreSQL:
    """A server, read committed. Custody locks by updating the row of the epoch."""

    def __init__(self, url):
        import psycopg2
        self._driver = psycopg2
        self._url = url
        self._threads = threading.local()
        schema = SCHEMA.format(serial="BIGSERIAL PRIMARY KEY", blob="BYTEA")
        with self.transaction() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(4711)")  # others may create them too
            for statement in schema.split(";")[:-1]:
                cursor.execute(statement)

    def _connection(self):
        connection = getattr(self._threads, "connection", None)
        if connection is None or connection.closed:
            connection = self._driver.connect(self._url, connect_timeout=5)
            self._threads.connection = connection
        return connection

    @contextlib.contextmanager
    def transaction(self):
        """As for SQLite. A lost connection is Unavailable and opened anew later."""
        try:
            connection = self._connection()
            try:
                with connection.cursor() as cursor:
                    yield _Translated(cursor)
                connection.commit()
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise
        except (self._driver.OperationalError, self._driver.InterfaceError) as error:
            self.close_thread()
            raise Unavailable(str(error)) from error

    snapshot = transaction

    def close_thread(self):
        """Close this thread's connection, if it has one."""
        connection = getattr(self._threads, "connection", None)
        self._threads.connection = None
        if connection is not None:
            with contextlib.suppress(self._driver.Error):
                connection.close()

    close = close_thread
