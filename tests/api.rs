//! Every method, by `midclt` and by raw socket.
