//! The composition, by stories, by what a retry is told, and by random histories.

mod answers;
mod bounds;
mod bundles;
mod carrying;
mod city;
mod crowd;
mod ending;
mod histories;
mod notices;
mod placing;
mod planned;
mod provider;
mod saga;
mod sales;
mod wishes;
