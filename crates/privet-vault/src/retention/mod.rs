//! How long things are kept, legal hold, and the sweeper.
