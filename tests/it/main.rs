//! The program from outside: real HTTP, real stores, real SDKs.

mod delivery;
mod harness;
mod store_conformance;
