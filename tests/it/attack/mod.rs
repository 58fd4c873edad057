//! What strangers can do to a server that the internet reaches: each attack was tried from outside, and each has its bound.

mod bytes;
mod connections;
mod cpu;
mod forged;
mod identity;
mod logs;
mod operators;
mod proofs;
mod pushes;
mod quotas;
mod store;
mod terminal;
