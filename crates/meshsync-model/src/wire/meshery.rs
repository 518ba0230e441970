//! meshery
