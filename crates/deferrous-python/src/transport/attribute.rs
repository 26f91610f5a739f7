//! The attributes of a stream that decide what may be done for it, or that are used for that.

use pyo3::{prelude::*, types::PyString};

use super::names::Names;

/// Defines the attributes, each with the field of [`Names`] that has its name.
macro_rules! attributes {
    ($($(#[$documentation:meta])* $attribute:ident = $name:ident),* $(,)?) => {
        /// An attribute of a stream.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Attribute { $($(#[$documentation])* $attribute),* }

        impl Attribute {
            /// All of them, in order of their numbers.
            pub const ALL: [Attribute; [$(Attribute::$attribute),*].len()] = [$(Attribute::$attribute),*];

            /// Its name.
            pub const fn name(self, names: &Names) -> &Py<PyString> {
                match self { $(Attribute::$attribute => &names.$name),* }
            }
        }
    };
}

attributes! {
    // These are used. What they are is looked at each time.
    Socket = socket,
    Fileno = fileno,
    Protocol = protocol,
    Reactor = reactor,
    Logstr = logstr,
    TempDataBuffer = temp_data_buffer,
    TempDataLen = temp_data_len,
    DescriptorQueue = descriptor_queue,
    ConnectedAddress = connected_address,
    // These decide what may be done.
    AddressFamily = address_family,
    BufferSize = buffer_size,
    Connected = connected,
    DataBuffer = data_buffer,
    Disconnecting = disconnecting,
    DoRead = do_read,
    DoWrite = do_write,
    FileDescriptorBufferSize = file_descriptor_buffer_size,
    HandOver = hand_over,
    IsSendBufferFull = is_send_buffer_full,
    LogPrefix = log_prefix,
    MaxPacketSize = max_packet_size,
    MaxThroughput = max_throughput,
    MaybePauseProducer = maybe_pause_producer,
    Offset = offset,
    Producer = producer,
    ProducerPaused = producer_paused,
    SendLimit = send_limit,
    StartWriting = start_writing,
    StopWriting = stop_writing,
    StreamingProducer = streaming_producer,
    Tls = tls,
    WriteDisconnected = write_disconnected,
    WriteDisconnecting = write_disconnecting,
    WriteSomeData = write_some_data,
    WriteSomeDataBase = write_some_data_base,
}

impl Attribute {
    /// How many are used, and come first.
    pub const USED: usize = Attribute::ConnectedAddress as usize + 1;
}
