#include "server/wire_message.h"

#include <gtest/gtest.h>

#include <limits>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace radio::server {
namespace {

std::string Flatten(WireMessage message) {
  const grpc::ByteBuffer buffer = std::move(message).ToByteBuffer();
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::string Varint(uint64_t value) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream(&stream).WriteVarint64(value);
  return bytes;
}

TEST(WireMessageTest, VarintsOfEverySizeAreThoseOfProtobuf) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      WireMessage message;
      message.AddVarint(1, value);
      const size_t size = message.size();
      const std::string bytes = Flatten(std::move(message));
      EXPECT_EQ(bytes, "\x08" + Varint(value));
      EXPECT_EQ(size, bytes.size());
    }
  }
}

TEST(WireMessageTest, NestedMessagesAroundBlobsKeepTheirOrderAndSizes) {
  const std::vector<uint8_t> large(5000, uint8_t{'L'});
  const std::vector<uint8_t> small(10, uint8_t{'s'});
  WireMessage inner;
  inner.AddBytes(1, "before");
  inner.AddBlob(2, Bytes::Own(large));
  inner.AddBlob(3, Bytes::Own(small));
  const size_t inner_size = inner.size();
  WireMessage outer;
  outer.AddMessage(15, std::move(inner));
  outer.AddBytes(16, "after");

  const std::string inner_bytes =
      "\x0A\x06"
      "before"
      "\x12" +
      Varint(5000) + std::string(5000, 'L') + "\x1A\x0A" + std::string(10, 's');
  EXPECT_EQ(inner_size, inner_bytes.size());
  EXPECT_EQ(Flatten(std::move(outer)), "\x7A" + Varint(inner_bytes.size()) + inner_bytes +
                                           "\x82\x01\x05"
                                           "after");
}

TEST(WireMessageTest, OneFieldMayBeMadeOfSeveralBlobs) {
  std::vector<Bytes> parts;
  parts.push_back(Bytes::Own(std::vector<uint8_t>(10, uint8_t{'a'})));
  parts.push_back(Bytes::Own(std::vector<uint8_t>(5000, uint8_t{'b'})));
  parts.push_back(Bytes::Own(std::vector<uint8_t>(20, uint8_t{'c'})));
  WireMessage message;
  message.AddBlobs(6, std::move(parts));
  message.AddBlobs(6, {});
  message.AddFields("\x08\x01");
  const std::string expected = "\x32" + Varint(5030) + std::string(10, 'a') +
                               std::string(5000, 'b') + std::string(20, 'c') +
                               std::string("\x32\0\x08\x01", 4);
  EXPECT_EQ(message.size(), expected.size());
  EXPECT_EQ(Flatten(std::move(message)), expected);
}

TEST(WireMessageTest, AnEmptyMessageIsEmpty) { EXPECT_EQ(Flatten(WireMessage()), ""); }

}  // namespace
}  // namespace radio::server
