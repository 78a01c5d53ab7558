#include "model/ops/cuda/attention_choice.h"

#include <gtest/gtest.h>

namespace radio::ops::cuda {
namespace {

TEST(AttentionChoiceTest, FlashTakesHalfPrecisionOnWhatHasIt) {
  for (const Element type : {Element::kFloat16, Element::kBfloat16}) {
    EXPECT_TRUE(FlashTakes(type, 64, 8));
    EXPECT_TRUE(FlashTakes(type, 80, 9));
    EXPECT_TRUE(FlashTakes(type, 256, 12));
    EXPECT_FALSE(FlashTakes(type, 64, 7)) << "a T4";
    EXPECT_FALSE(FlashTakes(type, 264, 9)) << "too many channels";
    EXPECT_FALSE(FlashTakes(type, 36, 9)) << "not in eights";
  }
  EXPECT_FALSE(FlashTakes(Element::kFloat32, 64, 9));
}

}  // namespace
}  // namespace radio::ops::cuda
