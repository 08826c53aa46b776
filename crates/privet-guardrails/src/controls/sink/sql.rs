//! SQL that reads and does nothing else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, ObjectName, Query, Select, SetExpr, Statement,
    TableFactor, Visit, Visitor, With,
};
use sqlparser::dialect::{
    Dialect, GenericDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::Said;
use super::sql_functions::PURE;

/// Bytes of a query.
const MOST_BYTES: usize = 64 << 10;
/// Operators and keywords of a query: each may be a level of its tree, and who walks it needs stack for each.
const MOST_LEVELS: usize = 320;
/// Levels of parentheses and the like.
const MOST_NESTED: usize = 40;

/// SQL (`kind = "sql"`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SqlConfig {
    /// How the database reads it. Say it: what is a comment or the end of a string differs.
    pub dialect: SqlDialect,
    /// Tables that may be read, `orders` or `shop.orders`; if empty, all but those in which databases describe themselves.
    pub tables: Vec<String>,
    /// Functions that may be called besides those that only compute.
    pub functions: Vec<String>,
    /// Whether a query may go on from its own result (`WITH RECURSIVE`), which may never end.
    pub recursive: bool,
}

/// A dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SqlDialect {
    /// What most have in common.
    #[default]
    Generic,
    /// PostgreSQL.
    Postgresql,
    /// MySQL, MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
    /// Microsoft SQL Server.
    Mssql,
}

#[derive(Debug)]
pub(super) struct Sql {
    dialect: SqlDialect,
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
    recursive: bool,
}

impl Sql {
    pub(super) fn new(config: &SqlConfig) -> Self {
        let lower = |names: &Vec<String>| names.iter().map(|name| name.to_lowercase()).collect();
        let mut functions: BTreeSet<String> = lower(&config.functions);
        functions.extend(PURE.iter().map(|name| (*name).to_owned()));
        Self {
            dialect: config.dialect,
            tables: lower(&config.tables),
            functions,
            recursive: config.recursive,
        }
    }

    pub(super) fn check(&self, sql: &str) -> Said {
        match self.read(sql) {
            Ok(()) => Said::Fits,
            Err(rule) => Said::Refused(rule),
        }
    }

    fn read(&self, sql: &str) -> Result<(), &'static str> {
        let dialect: Box<dyn Dialect> = match self.dialect {
            SqlDialect::Generic => Box::new(GenericDialect {}),
            SqlDialect::Postgresql => Box::new(PostgreSqlDialect {}),
            SqlDialect::Mysql => Box::new(MySqlDialect {}),
            SqlDialect::Sqlite => Box::new(SQLiteDialect {}),
            SqlDialect::Mssql => Box::new(MsSqlDialect {}),
        };
        if sql.len() > MOST_BYTES {
            return Err("sink/sql_too_long");
        }
        if sql.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("sink/sql_character");
        }
        let tokens = Tokenizer::new(&*dialect, sql)
            .tokenize()
            .map_err(|_| "sink/sql_syntax")?;
        if tokens.iter().any(is_comment) {
            // What is a comment to one reader is a statement to another.
            return Err("sink/sql_comment");
        }
        if tokens.iter().filter(|token| is_level(token)).count() > MOST_LEVELS {
            return Err("sink/sql_too_long");
        }
        let mut parser = Parser::new(&*dialect)
            .with_recursion_limit(MOST_NESTED)
            .with_tokens(tokens);
        let statements = parser.parse_statements().map_err(|_| "sink/sql_syntax")?;
        let [statement @ Statement::Query(_)] = statements.as_slice() else {
            return Err("sink/sql_statement");
        };
        let mut reading = Reading {
            sql: self,
            with: BTreeSet::new(),
        };
        match statement.visit(&mut reading) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(rule) => Err(rule),
        }
    }

    fn may_call(&self, name: &ObjectName) -> bool {
        full_name(name).is_some_and(|name| self.functions.contains(&name))
    }

    fn may_read(&self, name: &ObjectName) -> bool {
        let Some(name) = full_name(name) else { return false };
        if !self.tables.is_empty() {
            return self.tables.contains(&name);
        }
        let describes = [
            "pg_",
            "sqlite_",
            "information_schema",
            "mysql",
            "performance_schema",
            "sys",
            "master",
        ];
        !name.split('.').any(|part| {
            describes
                .iter()
                .any(|word| part == *word || (word.ends_with('_') && part.starts_with(word)))
        })
    }
}

fn is_comment(token: &Token) -> bool {
    let Token::Whitespace(space) = token else {
        return false;
    };
    matches!(
        space,
        Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)
    )
}

fn is_level(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword,
        Token::Whitespace(_)
        | Token::Comma
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Period => false,
        _ => true,
    }
}

/// A name in lower case with dots. None if a part of it is computed, or could be written otherwise.
fn full_name(name: &ObjectName) -> Option<String> {
    let part = |part: &sqlparser::ast::ObjectNamePart| {
        let ident = part.as_ident()?;
        let is_plain = !ident.value.is_empty() && !ident.value.contains(['.', '"', '`']);
        is_plain.then(|| ident.value.to_lowercase())
    };
    let parts: Option<Vec<String>> = name.0.iter().map(part).collect();
    parts.map(|parts| parts.join("."))
}

type Flow = ControlFlow<&'static str>;

/// Goes on if it holds.
fn hold(holds: bool, rule: &'static str) -> Flow {
    if holds {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(rule)
    }
}

struct Reading<'s> {
    sql: &'s Sql,
    /// Names that the query itself gives to results.
    with: BTreeSet<String>,
}

impl Reading<'_> {
    fn with(&mut self, with: &With) -> Flow {
        self.with.extend(
            with.cte_tables
                .iter()
                .map(|table| table.alias.name.value.to_lowercase()),
        );
        hold(!with.recursive || self.sql.recursive, "sink/sql_recursive")
    }
}

fn only_reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => only_reads(left) && only_reads(right),
        _ => false,
    }
}

impl Visitor for Reading<'_> {
    type Break = &'static str;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Flow {
        hold(matches!(statement, Statement::Query(_)), "sink/sql_statement")
    }

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        hold(only_reads(&query.body), "sink/sql_statement")?;
        hold(query.locks.is_empty(), "sink/sql_lock")?;
        let is_plain = query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        hold(is_plain, "sink/sql_clause")
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        hold(select.into.is_none(), "sink/sql_into")?;
        let is_plain = select.lateral_views.is_empty()
            && select.connect_by.is_empty()
            && select.optimizer_hints.is_empty();
        hold(is_plain, "sink/sql_clause")
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        let is_own = full_name(relation).is_some_and(|name| self.with.contains(&name));
        hold(is_own || self.sql.may_read(relation), "sink/sql_table")
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> Flow {
        match table {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            TableFactor::Table { name, .. } => hold(self.sql.may_call(name), "sink/sql_function"),
            _ => ControlFlow::Break("sink/sql_clause"),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        match expr {
            Expr::Function(Function { name, args, .. }) => {
                hold(self.sql.may_call(name), "sink/sql_function")?;
                let is_plain = !matches!(args, FunctionArguments::Subquery(_));
                hold(is_plain, "sink/sql_clause")
            }
            Expr::BinaryOp {
                op: BinaryOperator::Assignment | BinaryOperator::PGCustomBinaryOperator(_),
                ..
            } => ControlFlow::Break("sink/sql_operator"),
            _ => ControlFlow::Continue(()),
        }
    }
}
