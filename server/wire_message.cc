#include "server/wire_message.h"

#include <memory>
#include <utility>

namespace radio::server {
namespace {

constexpr int kVarint = 0;
constexpr int kLengthDelimited = 2;
// Below it, a copy costs less than a slice of its own.
constexpr size_t kMinBlobBytes = 4096;

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

grpc::Slice SliceOf(Bytes bytes) {
  auto* owner = new std::shared_ptr<const void>(std::move(bytes.owner));
  // gRPC only reads the slice of a message that is sent.
  return grpc::Slice(
      const_cast<uint8_t*>(bytes.data.data()), bytes.data.size(),
      [](void* pointer) { delete static_cast<std::shared_ptr<const void>*>(pointer); }, owner);
}

}  // namespace

void WireMessage::AddVarint(int field, uint64_t value) {
  AddTag(field, kVarint);
  AppendVarint(value);
}

void WireMessage::AddBytes(int field, absl::string_view bytes) {
  AddTag(field, kLengthDelimited);
  AppendVarint(bytes.size());
  Tail().append(bytes.data(), bytes.size());
  size_ += bytes.size();
}

void WireMessage::AddPacked(int field, absl::Span<const int64_t> values) {
  size_t length = 0;
  for (const int64_t value : values) length += VarintSize(static_cast<uint64_t>(value));
  AddTag(field, kLengthDelimited);
  AppendVarint(length);
  for (const int64_t value : values) AppendVarint(static_cast<uint64_t>(value));
}

void WireMessage::AddBlob(int field, Bytes bytes) {
  AddTag(field, kLengthDelimited);
  AppendVarint(bytes.data.size());
  AppendBlob(std::move(bytes));
}

void WireMessage::AddBlobs(int field, std::vector<Bytes> parts) {
  size_t length = 0;
  for (const Bytes& part : parts) length += part.data.size();
  AddTag(field, kLengthDelimited);
  AppendVarint(length);
  for (Bytes& part : parts) AppendBlob(std::move(part));
}

void WireMessage::AddMessage(int field, WireMessage message) {
  AddTag(field, kLengthDelimited);
  AppendVarint(message.size_);
  size_ += message.size_;
  for (Piece& piece : message.pieces_) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      Tail().append(*text);
    } else {
      pieces_.push_back(std::move(piece));
    }
  }
}

void WireMessage::AddFields(absl::string_view serialized) {
  Tail().append(serialized.data(), serialized.size());
  size_ += serialized.size();
}

grpc::ByteBuffer WireMessage::ToByteBuffer() && {
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces_.size());
  for (Piece& piece : pieces_) {
    if (auto* text = std::get_if<std::string>(&piece)) {
      slices.emplace_back(*text);
    } else {
      slices.push_back(SliceOf(std::move(std::get<Bytes>(piece))));
    }
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

void WireMessage::AddTag(int field, int wire_type) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}

void WireMessage::AppendVarint(uint64_t value) {
  std::string& tail = Tail();
  size_ += VarintSize(value);
  for (; value >= 0x80; value >>= 7) tail.push_back(static_cast<char>(value | 0x80));
  tail.push_back(static_cast<char>(value));
}

void WireMessage::AppendBlob(Bytes bytes) {
  size_ += bytes.data.size();
  if (bytes.data.size() < kMinBlobBytes) {
    Tail().append(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size());
  } else {
    pieces_.emplace_back(std::move(bytes));
  }
}

std::string& WireMessage::Tail() {
  if (pieces_.empty() || !std::holds_alternative<std::string>(pieces_.back())) {
    pieces_.emplace_back(std::string());
  }
  return std::get<std::string>(pieces_.back());
}

}  // namespace radio::server
