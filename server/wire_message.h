// A protobuf message written by hand, so that large fields need no copy.
#ifndef RADIO_SERVER_WIRE_MESSAGE_H_
#define RADIO_SERVER_WIRE_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/types.h"

namespace radio::server {

// Fields are written in the order of the calls; call in field-number order, and not at all for a
// field that proto3 would leave out, and the bytes equal those of the generated message. Large
// blobs are referenced. Not thread-safe.
class WireMessage {
 public:
  void AddVarint(int field, uint64_t value);
  // A string, bytes or already serialised message.
  void AddBytes(int field, absl::string_view bytes);
  // A packed repeated integer.
  void AddPacked(int field, absl::Span<const int64_t> values);
  // Bytes that are kept, not copied, unless they are few.
  void AddBlob(int field, Bytes bytes);
  // The same for one value whose bytes lie in several places.
  void AddBlobs(int field, std::vector<Bytes> parts);
  void AddMessage(int field, WireMessage message);
  // Whole fields that are serialised already.
  void AddFields(absl::string_view serialized);

  size_t size() const { return size_; }
  // The message as slices; those of blobs hold a reference to their owner until gRPC has sent them.
  grpc::ByteBuffer ToByteBuffer() &&;

 private:
  using Piece = std::variant<std::string, Bytes>;

  void AddTag(int field, int wire_type);
  void AppendVarint(uint64_t value);
  // A copy when they are few, a reference otherwise.
  void AppendBlob(Bytes bytes);
  // The string at the end, to append to.
  std::string& Tail();

  std::vector<Piece> pieces_;
  size_t size_ = 0;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_WIRE_MESSAGE_H_
