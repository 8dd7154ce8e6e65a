//! JSON-RPC 2.0 on the socket: the specification's examples, and the original's words.
