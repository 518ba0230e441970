//! What somebody who looks around asks a store: how many of what, a page of them,
//! one of them with its relations, a neighbourhood.

mod counts;
mod object;
mod page;
mod patience;
mod region;

pub use counts::Group;
pub use object::{Detail, Relative};
pub use page::{Cursor, Listed, Page, PageQuery};
pub use region::{RegionObject, Within};
