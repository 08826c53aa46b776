//! Purposes, legal bases, agreements, processing activities, and the check of consent.
