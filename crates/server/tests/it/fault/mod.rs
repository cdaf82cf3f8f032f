//! What is left when things break: the process, the database server, the disk.

mod book;
mod disk;
mod kill;
mod outage;
mod stop;
