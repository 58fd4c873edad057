//! The writer: the one thread that changes the store.
//!
//! It takes all requests that wait, stages them as one group, makes the group durable with one transaction and one sync,
//! publishes it, and answers. What comes meanwhile is the next group: were it to join this one, whoever sends two requests one
//! after the other, to prepare the second while the first is written, would get both answers at once, and then wait for each
//! other in turns.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::durable::{DurableMark, Mark};
use super::errors::named;
use super::file::DatabaseFile;
use super::group::{Group, Kept, Staged};
use super::prepare::Prepared;
use super::shared::Shared;
use super::wal::WalMover;
use super::watch::Watch;
use crate::ids::Position;
use crate::store::{Append, CommitError, StoreError};
use crate::time::{Clock, Millis};

/// How many requests a group takes at most, and after how many bytes it takes no more.
const GROUP_REQUESTS: usize = 1_024;
const GROUP_BYTES: usize = 4 << 20;
/// When there is nothing to do, the writer looks around so often.
const IDLE: Duration = Duration::from_millis(500);

pub(super) type Reply<T> = oneshot::Sender<T>;

pub(super) enum Request {
    Append(Vec<Append>, Reply<Result<Vec<Position>, StoreError>>),
    /// Commits that happen together or not at all.
    Commit(Box<Prepared>, Reply<Result<(), CommitError>>),
    Ping(Reply<Result<(), StoreError>>),
    Close(Reply<Result<(), StoreError>>),
}

/// An answer that waits for its group.
enum Answer {
    Append(Reply<Result<Vec<Position>, StoreError>>, Vec<Position>),
    Commit(Reply<Result<(), CommitError>>, Result<(), CommitError>),
    Ping(Reply<Result<(), StoreError>>),
}

impl Answer {
    /// Whoever asked may have gone; the outcome stands all the same.
    fn send(self, failure: Option<&StoreError>) {
        let failure = failure.cloned().map_or(Ok(()), Err);
        match self {
            Self::Append(reply, positions) => drop(reply.send(failure.map(|()| positions))),
            Self::Commit(reply, answer) => drop(reply.send(failure.map_err(CommitError::from).and(answer))),
            Self::Ping(reply) => drop(reply.send(failure)),
        }
    }
}

pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    durable: DurableMark,
    mark: Mark,
    kept: Kept,
    wal: WalMover,
    watch: Watch,
    clock: Clock,
    /// Given back when everything else is closed, which dropping the fields in order sees to.
    file: DatabaseFile,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        shared: Arc<Shared>,
        (durable, mark): (DurableMark, Mark),
        kept: Kept,
        file: DatabaseFile,
    ) -> Result<Self, StoreError> {
        let wal = WalMover::start(file.path().to_owned(), &connection)?;
        let watch = Watch::new(&file);
        Ok(Self { connection, shared, durable, mark, kept, wal, watch, clock: Clock::System, file })
    }

    /// Serves requests until the store is closed or dropped.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let closed = self.serve_all(requests);
        let outcome = self.close();
        if let Some(reply) = closed {
            // Whoever closed the store may open it again at once.
            let _ = reply.send(outcome);
        }
    }

    fn serve_all(&mut self, requests: &Receiver<Request>) -> Option<Reply<Result<(), StoreError>>> {
        loop {
            match requests.recv_timeout(IDLE) {
                Ok(request) => {
                    let mut waiting: VecDeque<Request> = std::iter::once(request).chain(requests.try_iter()).collect();
                    while !waiting.is_empty() {
                        let closed = self.serve(&mut waiting);
                        if closed.is_some() {
                            return closed;
                        }
                        self.wal.tend(&self.connection);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.wal.tend(&self.connection);
                    self.look_at_file();
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Serves as many of `waiting` as make a group; answers the request to close, if it came.
    fn serve(&mut self, waiting: &mut VecDeque<Request>) -> Option<Reply<Result<(), StoreError>>> {
        self.look_at_file();
        let mut answers = Vec::new();
        let mut closed = None;
        let staged = self.stage(waiting, &mut answers, &mut closed);
        let outcome = staged.and_then(|staged| self.make_durable(staged));
        let outcome = outcome.map_err(|error| named(self.file.path(), error));
        if outcome.is_err() {
            self.start_over();
        }
        for answer in answers {
            answer.send(outcome.as_ref().err());
        }
        closed
    }

    fn stage(
        &mut self,
        waiting: &mut VecDeque<Request>,
        answers: &mut Vec<Answer>,
        closed: &mut Option<Reply<Result<(), StoreError>>>,
    ) -> Result<Staged, StoreError> {
        let mut group = Group::new(&self.connection, &self.shared, &mut self.kept);
        let mut begun = self.shared.check().and_then(|()| begin(&self.connection));
        while let Some(request) = waiting.pop_front() {
            // What fails once fails for the whole group: the rest of it is answered, but not staged.
            let staged = match request {
                Request::Append(entries, reply) => {
                    let staged = begun.clone().and_then(|()| group.append(&entries));
                    answers.push(Answer::Append(reply, staged.as_ref().cloned().unwrap_or_default()));
                    staged.map(drop)
                }
                Request::Commit(commits, reply) => {
                    let checked = group.check(&commits);
                    let write = begun.is_ok() && checked.is_ok();
                    answers.push(Answer::Commit(reply, checked));
                    if write { group.commit(*commits) } else { Ok(()) }
                }
                Request::Ping(reply) => {
                    answers.push(Answer::Ping(reply));
                    Ok(())
                }
                Request::Close(reply) => {
                    *closed = Some(reply);
                    break;
                }
            };
            begun = begun.and(staged);
            if answers.len() >= GROUP_REQUESTS || group.bytes() >= GROUP_BYTES {
                break;
            }
        }
        begun.and_then(|()| group.finish())
    }

    fn make_durable(&mut self, staged: Staged) -> Result<(), StoreError> {
        let mark = Mark { steps: self.mark.steps + 1, at: self.clock.now(), ..self.mark };
        if staged.changed {
            let sql = "UPDATE steps SET steps = ?1, at = ?2, listed = ?3, records = ?4";
            let values = [mark.steps, mark.at.0, staged.lists, staged.records.sum];
            self.connection.prepare_cached(sql)?.execute(values)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        if staged.changed {
            self.mark = mark;
            if let Err(error) = self.durable.write(mark) {
                // Fails open: the step is durable; only a damaged log would be noticed later than it could be.
                tracing::warn!(%error, "could not note how many steps of the store are durable");
            }
        }
        let passed: Vec<_> = staged.progress().collect();
        self.kept.shards = staged.shards;
        self.kept.lists = staged.lists;
        self.kept.log.publish(&staged.log);
        self.kept.records.publish(staged.records);
        self.shared.publish(staged.log.chunks, passed.into_iter())
    }

    /// After a failure: what is in memory is what is in the file.
    fn start_over(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the store could not roll back a failed transaction");
        }
        self.kept.open_packs.clear();
        self.kept.records.roll_back();
        // A commit that failed with an I/O error may be in the file all the same.
        match read_steps(&self.connection) {
            Ok(found) if found.count == self.mark.steps => {}
            Ok(_) => self.end("a transaction failed, but is in the file: start again"),
            Err(error) => tracing::error!(%error, "the store could not be read after a failed transaction"),
        }
    }

    /// A file that was deleted or replaced is somebody else's, or nobody's: what is written to it now is lost.
    fn look_at_file(&mut self) {
        if let Some(why) = self.watch.look() {
            self.end(&why);
        }
    }

    fn end(&self, why: &str) {
        tracing::error!(path = %self.file.path().display(), "{why}");
        self.shared.end(StoreError::Unusable(why.to_owned()));
    }

    /// Closes everything; the file is free afterwards.
    fn close(self) -> Result<(), StoreError> {
        let Self { connection, shared, wal, file, .. } = self;
        shared.end(super::closed());
        shared.readers.close();
        drop(wal);
        let replaced = matches!(shared.check(), Err(StoreError::Unusable(_)));
        let moved = if replaced { Ok(()) } else { super::wal::empty(&connection) };
        // Not `Connection::close`, which hands the connection back when it fails, with its descriptor open.
        drop(connection);
        drop(file);
        moved
    }
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

/// The row of `steps`.
pub(super) struct Steps {
    pub(super) count: i64,
    pub(super) at: Millis,
    /// The sum over the rows of `listed`.
    pub(super) lists: i64,
    /// The sum over the index of records.
    pub(super) records: i64,
}

pub(super) fn read_steps(connection: &Connection) -> Result<Steps, StoreError> {
    let mut select = connection.prepare_cached("SELECT steps, at, listed, records FROM steps")?;
    let steps = select.query_row([], |row| {
        Ok(Steps { count: row.get(0)?, at: Millis(row.get(1)?), lists: row.get(2)?, records: row.get(3)? })
    });
    Ok(steps?)
}
