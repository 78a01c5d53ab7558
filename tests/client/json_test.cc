#include "client/json.h"

#include <gtest/gtest.h>

namespace radio::client {
namespace {

TEST(JsonTest, QuotesAndEscapes) {
  EXPECT_EQ(JsonString("a/b c.jpg"), "\"a/b c.jpg\"");
  EXPECT_EQ(JsonString("say \"x\" \\ y"), "\"say \\\"x\\\" \\\\ y\"");
  EXPECT_EQ(JsonString("line\nbreak\x7f"), "\"line\\u000abreak\\u007f\"");
  EXPECT_EQ(JsonString(""), "\"\"");
}

TEST(JsonTest, KeepsValidUtf8) {
  EXPECT_EQ(JsonString("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST(JsonTest, OtherBytesBecomeLoneSurrogates) {
  EXPECT_EQ(JsonString("\xff\x80"), "\"\\udcff\\udc80\"");
  EXPECT_EQ(JsonString("\xc3"), "\"\\udcc3\"") << "cut short";
  EXPECT_EQ(JsonString("\xc0\xaf"), "\"\\udcc0\\udcaf\"") << "overlong";
  EXPECT_EQ(JsonString("\xed\xa0\x80"), "\"\\udced\\udca0\\udc80\"") << "a surrogate";
  EXPECT_EQ(JsonString("\xf4\x90\x80\x80"), "\"\\udcf4\\udc90\\udc80\\udc80\"")
      << "beyond U+10FFFF";
}

}  // namespace
}  // namespace radio::client
