//! Whose CPU it was, and how much memory a process has: what Linux tells in `/proc`.

use std::ops::Sub;
use std::path::Path;

use crate::world::World;

/// Linux fixes it for user space on all common architectures.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time in seconds, user and system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Threads of the servers that answer HTTP.
    pub http: f64,
    /// Those that apply logs, speak with Redis and deliver.
    pub engine: f64,
    /// The one that writes the embedded store.
    pub writer: f64,
    /// Whatever else a server did.
    pub rest: f64,
    /// All Redis servers.
    pub redis: f64,
    /// This program: the load and its receiver.
    pub generator: f64,
    /// All of the machine, other people's work included.
    pub machine: f64,
}

impl Cpu {
    /// What was used until now.
    pub fn so_far(world: &World) -> Self {
        let mut cpu = Self { generator: process("self"), machine: machine(), ..Self::default() };
        for id in world.processes() {
            let before = cpu.servers();
            for (name, seconds) in threads(&id) {
                match name.as_str() {
                    name if name.starts_with("actix") => cpu.http += seconds,
                    name if name.starts_with("tokio") => cpu.engine += seconds,
                    "store-writer" => cpu.writer += seconds,
                    _ => {}
                }
            }
            // Threads that have ended are in the figure of the process alone.
            cpu.rest += process(&id) - (cpu.servers() - before);
        }
        cpu.redis = world.redis.iter().filter_map(|redis| Some(process(&redis.pid()?.to_string()))).sum();
        cpu
    }

    pub fn servers(&self) -> f64 {
        self.http + self.engine + self.writer + self.rest
    }

    pub fn servers_and_redis(&self) -> f64 {
        self.servers() + self.redis
    }

    /// All that belongs to the measurement.
    pub fn ours(&self) -> f64 {
        self.servers_and_redis() + self.generator
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            http: self.http - before.http,
            engine: self.engine - before.engine,
            writer: self.writer - before.writer,
            rest: (self.rest - before.rest).max(0.0),
            redis: self.redis - before.redis,
            generator: self.generator - before.generator,
            machine: self.machine - before.machine,
        }
    }
}

fn machine() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // User, nice, system, idle, waiting for disks, interrupts, soft interrupts, taken by the host; guests are in user.
    let times: Vec<f64> = fields.take(8).filter_map(|ticks| ticks.parse().ok()).collect();
    let idle: f64 = times.iter().skip(3).take(2).sum();
    (times.iter().sum::<f64>() - idle) / TICKS_PER_SECOND
}

fn process(id: &str) -> f64 {
    stat(&Path::new("/proc").join(id)).map_or(0.0, |(_, seconds)| seconds)
}

/// Each thread's name and CPU time.
fn threads(id: &str) -> Vec<(String, f64)> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| stat(&task.path())).collect()
}

fn stat(directory: &Path) -> Option<(String, f64)> {
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    // The name may hold spaces and parentheses; it ends with the last one.
    let (head, fields) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut times = fields.split(' ').skip(11).map(str::parse::<f64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((name, (user + system) / TICKS_PER_SECOND))
}
