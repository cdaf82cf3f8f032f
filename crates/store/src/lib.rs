//! All SQL of Gatehouse: Db, Tx, migrations, one file per aggregate.
