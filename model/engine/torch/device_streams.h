// The ways of a batch through an accelerator.
#ifndef RADIO_MODEL_ENGINE_TORCH_DEVICE_STREAMS_H_
#define RADIO_MODEL_ENGINE_TORCH_DEVICE_STREAMS_H_

#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace radio {

// Work of one stream is done in order; work of different ones at the same time, unless an event
// orders it. So images of one batch arrive and answers of another leave while a third is computed.
struct DeviceStreams {
  explicit DeviceStreams(c10::Device device) : DeviceStreams(device, {device.type()}) {}

  c10::Device device() const { return compute.device(); }

  // Images, to the device.
  c10::Stream upload;
  // The model. The device's default stream: what LibTorch does on its own is in order with it.
  c10::Stream compute;
  // Answers, to the host.
  c10::Stream download;

 private:
  DeviceStreams(c10::Device device, const c10::impl::VirtualGuardImpl& backend)
      : upload(backend.getStreamFromGlobalPool(device)),
        compute(backend.getDefaultStream(device)),
        download(backend.getStreamFromGlobalPool(device)) {}
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_DEVICE_STREAMS_H_
