-- A name that stands for two facts is looked up by itself: at each amendment, and by whoever asks what became of a fact.
CREATE INDEX attention_between ON attention (source, fact) WHERE piece = -1;
