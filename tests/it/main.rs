//! The program from outside: real HTTP, real stores, real SDKs.

mod harness;
mod store_conformance;
