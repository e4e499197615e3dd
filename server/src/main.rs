//! The program `holdall`.

/// Returns memory to the system sooner than the platform's allocator when many requests end at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    holdall::run(std::env::args_os())
}
