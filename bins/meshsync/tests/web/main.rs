//! The web page, as it is served by the command: in a browser, and to those who mean no good.

mod browser;
mod hostile;
mod kubernetes;
mod support;
