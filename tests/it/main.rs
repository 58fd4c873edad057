//! The program from outside: real HTTP, real stores, real SDKs.

mod harness;
