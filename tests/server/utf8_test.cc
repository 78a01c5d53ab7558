#include "server/utf8.h"

#include <gtest/gtest.h>

namespace radio::server {
namespace {

TEST(Utf8Test, ValidTextStaysAsItIs) {
  const std::string text = "plain, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80 and \t\n";
  EXPECT_EQ(ToValidUtf8(text), text);
  EXPECT_EQ(ToValidUtf8(""), "");
}

TEST(Utf8Test, EachStrayByteBecomesAReplacementCharacter) {
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(ToValidUtf8("a\xFF\x80z"), "a" + replacement + replacement + "z");
  // A sequence that is cut off.
  EXPECT_EQ(ToValidUtf8("\xE2\x82"), replacement + replacement);
  // Overlong, a surrogate, beyond U+10FFFF.
  EXPECT_EQ(ToValidUtf8("\xC0\xAF"), replacement + replacement);
  EXPECT_EQ(ToValidUtf8("\xED\xA0\x80"), replacement + replacement + replacement);
  EXPECT_EQ(ToValidUtf8("\xF4\x90\x80\x80"), replacement + replacement + replacement + replacement);
}

TEST(Utf8Test, EveryTwoByteInputGivesTextThatIsStable) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text = ToValidUtf8(std::string{char(a), char(b)});
      EXPECT_EQ(ToValidUtf8(text), text) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace radio::server
