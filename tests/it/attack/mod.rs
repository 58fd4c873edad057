//! What strangers can do to a server that the internet reaches: each attack was tried from outside, and each has its bound.

mod identity;
mod proofs;
mod terminal;
