//! The S3 door: what real clients do, what hostile ones try, and that it is the same house as the other doors.

mod bodies;
mod clients;
mod corridor;
mod fuzz;
mod hostile;
mod manners;
mod object_store;
mod owners;
mod proofs;
mod reads;
