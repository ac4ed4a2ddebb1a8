"""Networks for images, sequences, text and adversarial training, which the recipes train."""

from __future__ import annotations

from .audio import ToneNet as ToneNet
from .autoencoder import Autoencoder as Autoencoder
from .autoencoder import ConvAutoencoder as ConvAutoencoder
from .autoencoder import LinearAutoencoder as LinearAutoencoder
from .autoencoder import StackedAutoencoder as StackedAutoencoder
from .autoencoder import TiedLayer as TiedLayer
from .captioner import Captioner as Captioner
from .convolutional import ConvNet as ConvNet
from .dann import DANN as DANN
from .gan import GAN as GAN
from .gan import CaptionedDiscriminator as CaptionedDiscriminator
from .gan import CaptionedGenerator as CaptionedGenerator
from .gan import CaptionEncoder as CaptionEncoder
from .gan import ConvDiscriminator as ConvDiscriminator
from .gan import ConvGenerator as ConvGenerator
from .gan import DenseDiscriminator as DenseDiscriminator
from .gan import DenseGenerator as DenseGenerator
from .language import LanguageModel as LanguageModel
from .perceptrons import MLP as MLP
from .residual import ConvEncoder as ConvEncoder
from .residual import PlainNet as PlainNet
from .residual import ResNet as ResNet
from .segmentation import UNet as UNet
from .seq2seq import Decoder as Decoder
from .seq2seq import Seq2Seq as Seq2Seq
from .sequences import FrameLabeller as FrameLabeller
from .sequences import ManyToOne as ManyToOne
from .sequences import ReviewClassifier as ReviewClassifier
from .sequences import RowClassifier as RowClassifier
from .sequences import identity_rnn as identity_rnn
from .sequences import states_over_time as states_over_time
from .translation import CycleGAN as CycleGAN
from .translation import PatchDiscriminator as PatchDiscriminator
from .translation import Pix2Pix as Pix2Pix
from .translation import ResidualTranslator as ResidualTranslator
from .translation import SkipTranslator as SkipTranslator
from .vae import VAE as VAE
from .word2vec import Word2Vec as Word2Vec
from .word2vec import negative_sampling_loss as negative_sampling_loss
