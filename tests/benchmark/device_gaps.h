// How long a device waits between batches.
#ifndef RADIO_TESTS_BENCHMARK_DEVICE_GAPS_H_
#define RADIO_TESTS_BENCHMARK_DEVICE_GAPS_H_

#include <ATen/record_function.h>
#include <c10/core/Device.h>

#include <optional>

namespace radio {

// While it lives, the device itself marks the time at the first operator of each batch of a ViT and
// behind its last, whatever thread runs it. One at a time in a process.
class DeviceGaps {
 public:
  // A device other than the CPU.
  explicit DeviceGaps(c10::Device device);
  ~DeviceGaps();
  DeviceGaps(const DeviceGaps&) = delete;
  DeviceGaps& operator=(const DeviceGaps&) = delete;

  // Of the time from the first batch to the last, the share in which the device had none. Call it
  // when all is done; nothing with less than two batches.
  std::optional<double> IdleShare() const;

 private:
  const at::CallbackHandle handle_;
};

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_DEVICE_GAPS_H_
