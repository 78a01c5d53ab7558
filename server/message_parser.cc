#include "server/message_parser.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace radio::server {

absl::Status ParseMessage(grpc::ByteBuffer* buffer, google::protobuf::Message* message) {
  bool parsed = false;
  if (buffer->Valid()) {
    // Releases the slices only when it is destroyed, before the buffer is cleared.
    grpc::ProtoBufferReader reader(buffer);
    parsed = reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
  }
  buffer->Clear();
  if (parsed) return absl::OkStatus();
  return MakeError(Reason::kRequestInvalid,
                   absl::StrCat("the bytes are no ", message->GetDescriptor()->full_name()));
}

}  // namespace radio::server
