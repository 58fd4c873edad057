//! The bytes that a subject takes, after a history of so many events.

use std::time::Duration;

use crate::closed;
use crate::harness::hooks::Receiver;
use crate::story::{Request, USERS_PER_ACCOUNT};
use crate::world::World;

#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    pub subjects: u32,
    pub events: f64,
    pub bytes: u64,
}

impl Size {
    pub fn per_subject(&self) -> f64 {
        self.bytes as f64 / f64::from(self.subjects.max(1))
    }
}

/// Fills a fresh store with events of `users` users and their accounts for a few seconds, and weighs it.
pub async fn run(target: crate::args::Target, users: u32) -> anyhow::Result<Size> {
    let crm = Receiver::start(|_| 200).await;
    let world = World::start(target, &crm.url()).await?;
    let before = world.bytes()?;
    let length = Duration::from_secs(4);
    let requests = (0..8).map(|seed| Request::batch(world.address, 100, users, 900 + seed)).collect();
    let rate = closed::run(&[world.address], requests, length).await?;
    let bytes = world.bytes()?.saturating_sub(before);
    let subjects = users + users / USERS_PER_ACCOUNT;
    Ok(Size { subjects, events: rate.events_per_second * length.as_secs_f64(), bytes })
}
