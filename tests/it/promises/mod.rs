//! What is promised to those who send events and to those who are named in them, each promise with a test of its own.

mod accounts;
mod cluster;
mod forgetting;
mod identity;
mod lossy;
mod servers;
