// Messages from the bytes that arrived.
#ifndef RADIO_SERVER_MESSAGE_PARSER_H_
#define RADIO_SERVER_MESSAGE_PARSER_H_

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace radio::server {

// Parses and empties `buffer`. REQUEST_INVALID for bytes that are no such message.
absl::Status ParseMessage(grpc::ByteBuffer* buffer, google::protobuf::Message* message);

}  // namespace radio::server

#endif  // RADIO_SERVER_MESSAGE_PARSER_H_
