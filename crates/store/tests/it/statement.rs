//! Finds every `sql!` of this package, also in code that nothing calls or compiles, and prepares it on both engines.

use crate::fixture::Fixture;
use gatehouse_store::Engine;
use proc_macro2::{TokenStream, TokenTree};
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, SqlSafeStr as _, TypeInfo as _};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What was written in one `sql!`.
struct Found {
    at: String,
    sqlite: String,
    postgres: String,
}

/// Walks the tokens; macros and functions inside of macros are tokens like all others.
fn walk(file: &str, tokens: TokenStream, found: &mut Vec<Found>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (place, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_sql = matches!(&tokens[..place], [.., TokenTree::Ident(name), TokenTree::Punct(bang)]
            if name == "sql" && bang.as_char() == '!');
        if is_sql {
            found.push(read(file, group.span_open().start().line, group.stream()));
        } else {
            walk(file, group.stream(), found);
        }
    }
}

/// Reads `"…"` or `sqlite: "…", postgres: "…"`.
fn read(file: &str, line: usize, tokens: TokenStream) -> Found {
    let at = format!("{file}:{line}");
    let text = |token: &TokenTree| syn::parse2::<syn::LitStr>(token.clone().into()).unwrap().value();
    let parts: Vec<_> = tokens.into_iter().filter(|token| !matches!(token, TokenTree::Punct(_))).collect();
    let (sqlite, postgres) = match &parts[..] {
        [both] => (text(both), text(both)),
        [first, sqlite, second, postgres] if first.to_string() == "sqlite" && second.to_string() == "postgres" => {
            (text(sqlite), text(postgres))
        }
        _ => panic!("{at}: not a sql!"),
    };
    Found { at, sqlite, postgres }
}

fn walk_folder(folder: &Path, found: &mut Vec<Found>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            walk_folder(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            walk(&path.display().to_string(), fs::read_to_string(&path).unwrap().parse().unwrap(), found);
        }
    }
}

/// The parameters of a text; without a gap, their number is its arity.
fn parameters(sql: &str) -> BTreeSet<usize> {
    let numbers = sql.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    numbers.map(|number| number.parse().unwrap()).collect()
}

/// What an engine makes of a statement: the number of parameters, and names and types of columns.
type Prepared = Result<(usize, Vec<(String, String)>), sqlx::Error>;

fn prepared<S: sqlx::Statement>(statement: &S) -> (usize, Vec<(String, String)>) {
    let parameters = match statement.parameters() {
        Some(Either::Left(types)) => types.len(),
        Some(Either::Right(count)) => count,
        None => 0,
    };
    let column = |column: &<S::Database as sqlx::Database>::Column| {
        (column.name().to_owned(), column.type_info().name().to_owned())
    };
    (parameters, statement.columns().iter().map(column).collect())
}

/// Says what is wrong with a statement, if anything is.
fn complain(found: &Found, on_sqlite: Prepared, on_postgres: Prepared) -> Vec<String> {
    let mut complaints = Vec::new();
    for (engine, sql, prepared) in
        [("SQLite", &found.sqlite, &on_sqlite), ("PostgreSQL", &found.postgres, &on_postgres)]
    {
        let wanted = parameters(sql);
        match prepared {
            Err(error) => complaints.push(format!("{engine} refuses it: {error}")),
            Ok((count, _)) if *count != wanted.len() || wanted.last().is_some_and(|last| *last != wanted.len()) => {
                complaints.push(format!("{engine} counts {count} parameters of {wanted:?}"));
            }
            Ok(_) => {}
        }
    }
    if let (Ok((_, sqlite)), Ok((_, postgres))) = (on_sqlite, on_postgres) {
        let names = |columns: &[(String, String)]| columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(&sqlite) != names(&postgres) {
            complaints.push(format!("columns {:?} on SQLite, {:?} on PostgreSQL", names(&sqlite), names(&postgres)));
        }
        let strange =
            postgres.iter().filter(|(_, class)| !["INT8", "TEXT", "BYTEA", "BOOL", "FLOAT8"].contains(&&**class));
        complaints.extend(strange.map(|(name, class)| format!("column {name} has type {class} on PostgreSQL")));
    }
    complaints.into_iter().map(|what| format!("{}: {what}", found.at)).collect()
}

async fn complaints(statements: &[Found]) -> Vec<String> {
    let (sqlite, postgres) = (Fixture::new(Engine::Sqlite).await, Fixture::new(Engine::Postgres).await);
    let mut sqlite = sqlx::SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut postgres = sqlx::PgConnection::connect(&postgres.url).await.unwrap();
    let mut complaints = Vec::new();
    for found in statements {
        let text = |sql: &str| AssertSqlSafe(sql.to_owned()).into_sql_str();
        let on_sqlite = sqlite.prepare(text(&found.sqlite)).await.map(|statement| prepared(&statement));
        let on_postgres = postgres.prepare(text(&found.postgres)).await.map(|statement| prepared(&statement));
        complaints.extend(complain(found, on_sqlite, on_postgres));
    }
    complaints
}

#[tokio::test]
async fn every_statement_is_accepted_by_both_engines_and_means_the_same() {
    let mut found = Vec::new();
    walk_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.iter().any(|statement| statement.sqlite == "COMMIT"), "the walk misses what is there");
    let complaints = complaints(&found).await;
    assert!(
        complaints.is_empty(),
        "{} statements, {} complaints:\n{}",
        found.len(),
        complaints.len(),
        complaints.join("\n")
    );
}

#[tokio::test]
async fn a_statement_is_found_wherever_it_hides_and_its_faults_are_told() {
    let source = r##"
        /// sql!("a comment")
        async fn f() {
            tokio::select! { a = one(sql!("SELECT CAST($1 AS BIGINT) AS a")) => {}, }
        }
        #[cfg(no)]
        mod gone { const S: Statement = crate::sql!(r#"SELECT 1 AS small"#); }
        fn g() { x(sql! { sqlite: "SELECT CAST($1 AS BIGINT) AS a", postgres: "SELECT CAST($1 AS BIGINT) AS b", }, args![1]) }
        fn h() { sql!("SELECT id FROM job WHERE id = $2") }
        fn i() { sql!("SELECT datetime('now') AS a"); vec![sql!("SELECT COUNT(*) AS n FROM\n job WHERE id = $1")]; }
    "##;
    let mut found = Vec::new();
    walk("f.rs", source.parse().unwrap(), &mut found);
    let complaints = complaints(&found).await;
    assert_eq!(found.len(), 6);
    let expected = [
        "f.rs:7: column small has type INT4 on PostgreSQL",
        "f.rs:8: columns [\"a\"] on SQLite, [\"b\"] on PostgreSQL",
        "f.rs:9: SQLite counts 1 parameters of {2}",
        "f.rs:9: PostgreSQL refuses it: ",
        "f.rs:10: PostgreSQL refuses it: ",
    ];
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for (complaint, expected) in complaints.iter().zip(expected) {
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}
