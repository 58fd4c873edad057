//! The command line; everything it does lives in the library so that tests run the very same code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    handraiser::cli::main()
}
