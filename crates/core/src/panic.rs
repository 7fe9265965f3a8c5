//! Turning a panic of somebody else's code into a value that names it.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// Runs `call`; a panic becomes its message.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(message)
}

/// Runs `future`; a panic becomes its message.
///
/// Takes futures that are boxed already: a plain `async fn` around another future holds it twice, and that is
/// what an idle stage would be made of.
pub(crate) fn catch_async<F: Future + Unpin>(
    mut future: F,
) -> impl Future<Output = Result<F::Output, String>> + Unpin {
    std::future::poll_fn(move |cx| match catch(|| Pin::new(&mut future).poll(cx)) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(message) => Poll::Ready(Err(message)),
    })
}

/// What a caught panic said.
pub(crate) fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().map_or_else(|_| "no message".to_owned(), |m| (*m).to_owned()),
    }
}
