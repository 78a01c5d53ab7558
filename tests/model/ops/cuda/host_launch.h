// Runs what a CUDA kernel's threads do on the host, and sees what they wrote.
#ifndef RADIO_TESTS_MODEL_OPS_CUDA_HOST_LAUNCH_H_
#define RADIO_TESTS_MODEL_OPS_CUDA_HOST_LAUNCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/ops/cuda/element.h"
#include "model/ops/cuda/launch.h"

namespace radio::ops::cuda {

// A float that counts how often it was written.
struct Counted {
  float value = 0.0f;
  int writes = 0;
  Counted& operator=(float written) {
    value = written;
    ++writes;
    return *this;
  }
};

template <>
struct Convert<Counted> {
  static float ToFloat(const Counted& counted) { return counted.value; }
  static float FromFloat(float value) { return value; }
};

// body(block, thread), thread after thread, as if nobody waited for others.
template <typename Body>
void OnEveryThread(unsigned blocks, Body body) {
  for (unsigned block = 0; block < blocks; ++block) {
    for (unsigned thread = 0; thread < kThreads; ++thread) body(block, thread);
  }
}

// What a kernel writes, with room before and after it that it must leave alone.
class CountedOutput {
 public:
  explicit CountedOutput(int64_t count) : count_(count), values_(Index(count + kRoom)) {}

  Counted* data() { return values_.data() + kRoom; }

  // Empty if every element was written once and equals expected(i) within `tolerance`, and nothing
  // else was written; else the first that is wrong.
  template <typename Expected>
  std::string Fault(Expected expected, float tolerance = 0.0f) const {
    for (int64_t i = -kRoom; i < count_ + kRoom; ++i) {
      const Counted& actual = values_[Index(i)];
      const bool inside = i >= 0 && i < count_;
      if (actual.writes != (inside ? 1 : 0)) {
        return absl::StrCat("element ", i, " of ", count_, " was written ", actual.writes,
                            " times");
      }
      if (!inside) continue;
      const float distance = actual.value - expected(i);
      if (!(distance <= tolerance && -distance <= tolerance)) {
        return absl::StrCat("element ", i, " of ", count_, " is ", actual.value, ", not ",
                            expected(i));
      }
    }
    return "";
  }

 private:
  static constexpr int64_t kRoom = 512;
  static size_t Index(int64_t i) { return static_cast<size_t>(i + kRoom); }

  const int64_t count_;
  std::vector<Counted> values_;
};

}  // namespace radio::ops::cuda

#endif  // RADIO_TESTS_MODEL_OPS_CUDA_HOST_LAUNCH_H_
