//! The program from outside: real HTTP, real stores, real SDKs.

mod admin;
mod delivery;
mod harness;
mod store_conformance;
