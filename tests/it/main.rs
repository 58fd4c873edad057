//! The program from outside: real HTTP, real stores, real SDKs.

mod admin;
mod harness;
mod store_conformance;
