//! Who may use the socket.
