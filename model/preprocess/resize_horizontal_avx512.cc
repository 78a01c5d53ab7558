#ifdef __x86_64__
#include <algorithm>
#include <vector>

#include "model/preprocess/resize_avx512.h"

namespace radio {
namespace avx512 {
namespace {

// Four pixels of a row.
constexpr ptrdiff_t kQuadBytes = ptrdiff_t{kChannels} * kTapsAtOnce;

// Vectors hold sixteen samples of one output row. Their taps are picked from the 64 bytes, or from
// as many times 64 as it takes, that lie around them in the input row.
class Avx512HorizontalPass : public HorizontalPass {
 public:
  Avx512HorizontalPass(int in, int out) {
    const ResizeTaps taps = MakeBicubicTaps(in, out, 1);
    quads_ = Quads(taps.count);
    vectors_ = (kChannels * out + kLanes - 1) / kLanes;
    tables_.resize(static_cast<size_t>(vectors_) * Tables());
    PlanLoads(taps);
    PlanWeights(taps);
  }

  void Run(const uint8_t* rows, size_t row_bytes, uint8_t* bands, size_t band_bytes) override {
    if (single_loads_ && quads_ == 1) return Resize<1>(rows, row_bytes, bands, band_bytes);
    if (single_loads_ && quads_ == 2) return Resize<2>(rows, row_bytes, bands, band_bytes);
    if (single_loads_ && quads_ == 3) return Resize<3>(rows, row_bytes, bands, band_bytes);
    ResizeAny(rows, row_bytes, bands, band_bytes);
  }

 private:
  // Lanes that are picked from the 64 bytes at `offset` of a row, for the first four taps.
  struct Load {
    int offset = 0;
    // Of bytes, four for each lane.
    uint64_t mask = 0;
  };

  // A number, or four bytes, for each lane.
  struct alignas(64) Table {
    std::array<int32_t, kLanes> lanes;
  };

  // A vector's tables: which bytes of its loads are its first four taps (the same places, 12 bytes
  // further on, for the next four), then for each four taps the parts of their weights.
  size_t Tables() const { return size_t{1} + static_cast<size_t>(kParts) * quads_; }

  int32_t& Lane(int vector, int table, int lane) {
    return tables_[vector * Tables() + table].lanes[lane];
  }

  void PlanLoads(const ResizeTaps& taps) {
    constexpr int kLastByte = kChannels * (kTapsAtOnce - 1);
    for (int v = 0; v < vectors_; ++v) {
      first_load_.push_back(static_cast<int>(loads_.size()));
      for (int lane = 0; lane < kLanes; ++lane) {
        const int sample = std::min(v * kLanes + lane, kChannels * taps.out - 1);
        const int pixel = kChannels * taps.first[sample / kChannels];
        const int byte = pixel + sample % kChannels;
        if (lane == 0 || byte + kLastByte - loads_.back().offset > 63) loads_.push_back({pixel, 0});
        loads_.back().mask |= uint64_t{0xF} << (kTapsAtOnce * lane);
        Lane(v, 0, lane) = 0x01010101 * (byte - loads_.back().offset) + 0x09060300;
      }
    }
    first_load_.push_back(static_cast<int>(loads_.size()));
    single_loads_ = loads_.size() == static_cast<size_t>(vectors_);
  }

  void PlanWeights(const ResizeTaps& taps) {
    for (int x = 0; x < taps.out; ++x) {
      for (int q = 0; q < quads_; ++q) {
        const int tap = q * kTapsAtOnce;
        const Parts parts = Split(taps.weights_of(x) + tap, taps.count - tap);
        for (int sample = kChannels * x; sample < kChannels * (x + 1); ++sample) {
          for (int p = 0; p < kParts; ++p) {
            Lane(sample / kLanes, 1 + kParts * q + p, sample % kLanes) = parts[p];
          }
        }
      }
    }
  }

  RADIO_AVX512 static __m512i Read(const Table* table) { return _mm512_load_si512(table); }

  // Four rows' pixels become a vector of a band.
  RADIO_AVX512 static void StoreBand(const __m512i (&totals)[kRowsPerBand], uint8_t* to) {
    const __m512i by_sample =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    _mm512_store_si512(to, _mm512_shuffle_epi8(ToPixels(totals), by_sample));
  }

  template <int kQuads>
  RADIO_AVX512 void Resize(const uint8_t* rows, size_t row_bytes, uint8_t* bands,
                           size_t band_bytes) const {
    const Table* table = tables_.data();
    for (int v = 0; v < vectors_; ++v, bands += sizeof(__m512i)) {
      const __m512i picks = Read(table++);
      __m512i weights[kQuads][kParts];
      for (auto& parts : weights) {
        for (__m512i& part : parts) part = Read(table++);
      }
      const uint8_t* row = rows + loads_[v].offset;
      uint8_t* to = bands;
      for (int y = 0; y < kRowsAtOnce; y += kRowsPerBand, to += band_bytes) {
        __m512i totals[kRowsPerBand];
#pragma GCC unroll 4
        for (int i = 0; i < kRowsPerBand; ++i, row += row_bytes) {
          __m512i taps[kQuads];
          for (int q = 0; q < kQuads; ++q) {
            taps[q] = _mm512_permutexvar_epi8(picks, _mm512_loadu_si512(row + kQuadBytes * q));
          }
          totals[i] = Total(taps, weights);
        }
        StoreBand(totals, to);
      }
    }
  }

  RADIO_AVX512 void ResizeAny(const uint8_t* rows, size_t row_bytes, uint8_t* bands,
                              size_t band_bytes) const {
    for (int v = 0; v < vectors_; ++v, bands += sizeof(__m512i)) {
      const Table* const table = tables_.data() + v * Tables();
      const Load* const first = loads_.data() + first_load_[v];
      const Load* const end = loads_.data() + first_load_[v + 1];
      const __m512i picks = Read(table);
      for (int y = 0; y < kRowsAtOnce; y += kRowsPerBand) {
        Sums sums[kRowsPerBand];
        const uint8_t* row = rows + row_bytes * y;
        const Table* parts = table + 1;
        for (int q = 0; q < quads_; ++q, parts += kParts, row += kQuadBytes) {
          const __m512i weights[kParts] = {Read(parts), Read(parts + 1), Read(parts + 2)};
          __m512i taps[kRowsPerBand] = {};
          for (const Load* load = first; load < end; ++load) {
#pragma GCC unroll 4
            for (int i = 0; i < kRowsPerBand; ++i) {
              taps[i] = _mm512_mask_permutexvar_epi8(
                  taps[i], load->mask, picks,
                  _mm512_loadu_si512(row + row_bytes * i + load->offset));
            }
          }
#pragma GCC unroll 4
          for (int i = 0; i < kRowsPerBand; ++i) sums[i].Add(taps[i], weights);
        }
        const __m512i totals[kRowsPerBand] = {sums[0].Total(), sums[1].Total(), sums[2].Total(),
                                              sums[3].Total()};
        StoreBand(totals, bands + band_bytes * (y / kRowsPerBand));
      }
    }
  }

  int quads_ = 0;
  int vectors_ = 0;
  std::vector<Table> tables_;
  std::vector<Load> loads_;
  // Of each vector, and where the last one's end.
  std::vector<int> first_load_;
  bool single_loads_ = false;
};

}  // namespace

std::unique_ptr<HorizontalPass> MakeHorizontalPass(int in, int out) {
  return std::make_unique<Avx512HorizontalPass>(in, out);
}

}  // namespace avx512
}  // namespace radio

#endif
