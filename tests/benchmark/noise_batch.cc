#include "tests/benchmark/noise_batch.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace radio {
namespace {

const std::vector<OutputRequest>& Wanted() {
  static const auto* const wanted = [] {
    auto* requests = new std::vector<OutputRequest>(1);
    (*requests)[0].features = (*requests)[0].summary = true;
    return requests;
  }();
  return *wanted;
}

}  // namespace

const Sides& WideMix() {
  static const auto* sides = new Sides{{224, 224}, {336, 336}, {432, 432}, {512, 512}, {768, 768}};
  return *sides;
}

const Sides& EightSizes() {
  static const auto* sides = new Sides{{224, 224}, {224, 336}, {336, 224}, {336, 336},
                                       {288, 288}, {256, 352}, {352, 256}, {320, 240}};
  return *sides;
}

std::vector<Size> Fit(const ModelSpec& spec, const Sides& sides) {
  std::vector<Size> sizes;
  for (const auto& [height, width] : sides) {
    sizes.push_back(NearestSupportedSize(spec, {height, width}));
  }
  return sizes;
}

Size RandomSize(const ModelSpec& spec, int longest, std::mt19937& random) {
  std::uniform_int_distribution<int> side(spec.resolution_step, longest);
  const int height = side(random);
  return NearestSupportedSize(spec, {height, side(random)});
}

int64_t TokensOf(const ModelSpec& spec, Size size) {
  const Size grid = spec.GridOf(size);
  return int64_t{grid.height} * grid.width + spec.num_prefix_tokens;
}

NoiseBatch::NoiseBatch(const std::vector<Size>& sizes, std::mt19937& random) {
  for (const Size size : sizes) {
    std::vector<uint8_t> pixels(static_cast<size_t>(size.height) * size.width * 3);
    for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random() >> 24);
    images_.push_back({DataType::kUint8, size, false, Bytes::Own(std::move(pixels))});
  }
  for (const ImageTensor& image : images_) items_.push_back({&image, &Wanted()});
}

double NoiseBatch::TimeRun(Engine* engine, double (*seconds)()) const {
  const double start = seconds();
  const auto results = engine->Run(items_);
  const double end = seconds();
  if (!results.ok() || !(*results)[0].ok()) {
    std::fprintf(stderr, "run failed: %s\n", results.status().ToString().c_str());
    std::exit(1);
  }
  return end - start;
}

double UnseenOverRepeated(Engine* engine, const ModelSpec& spec, int longest, int count,
                          std::mt19937& random, double (*seconds)()) {
  double first = 0;
  double again = 0;
  for (int i = 0; i < count; ++i) {
    const Size one = RandomSize(spec, longest, random);
    const NoiseBatch batch({one, RandomSize(spec, longest, random)}, random);
    first += batch.TimeRun(engine, seconds);
    again += std::min(batch.TimeRun(engine, seconds), batch.TimeRun(engine, seconds));
  }
  return first / again;
}

}  // namespace radio
