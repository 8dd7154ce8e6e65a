//! Starting, stopping, configuring; a second daemon; signals; passed sockets.
